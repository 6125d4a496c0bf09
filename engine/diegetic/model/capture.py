"""The denoise step recorded once as a CUDA graph: a small transformer is otherwise waited for by its own launches.

Shapes are those of one window; a call with others goes the ordinary way. There are no graphs on a CPU.

Knows nothing of sampling.
"""

from typing import Any

import torch
from torch import Tensor

from diegetic.model.flow import Velocity

_WARM_UP = 3


def capture(velocity: Velocity, latents: Tensor, condition: Tensor) -> Velocity:
    """Record a velocity for latents [B, T, C] and a condition [B, S, F] on a GPU; a velocity that replays it.

    The recorded one keeps its own input and output: threads must not share it.
    """
    seconds = torch.ones(len(latents), device=latents.device)
    given = (latents.clone(), seconds.clone(), condition.clone(), seconds.clone())
    shapes = [tensor.shape for tensor in given]
    side: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(_WARM_UP):
            velocity(*given)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = velocity(*given)

    def replay(latents: Tensor, sigma: Tensor, condition: Tensor, duration_s: Tensor) -> Tensor:
        asked = (latents, sigma, condition, duration_s)
        if [tensor.shape for tensor in asked] != shapes:
            return velocity(*asked)
        for place, tensor in zip(given, asked, strict=True):
            place.copy_(tensor)
        graph.replay()
        return found.clone()

    return replay
