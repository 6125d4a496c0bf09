"""An event's condition with other residual tokens than its own: what it would be without its story, or in another.

Knows nothing of what is measured.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from diegetic.model.narrator import Narrated
from diegetic.model.storyteller import Condition, Storyteller


@torch.inference_mode()
def with_residual(model: Storyteller, condition: Condition, narrated: Narrated, other: Tensor | None) -> Condition:
    """A condition with other residual states than those narrated; None: with residual features of zero."""
    network = model._network
    states = narrated.residual if other is None else other
    semantic, residual = network.features(narrated.semantic.to(network.null)[None], states.to(network.null)[None])
    belongs = np.zeros(0, np.float32)
    if other is None:
        residual = torch.zeros_like(residual)
    elif model._belonging is not None:
        belongs = model._belonging.direction(other)
    return replace(condition, fused=network.fusion(semantic, residual), belongs=belongs)
