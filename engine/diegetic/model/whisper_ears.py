"""How the paper's size understands recordings: Whisper's encoder, the checkpoint's listener, the LLM (paper.md 1.12).

    samples -> 16 kHz -> log-mel -> encoder states [1500, 1280] of 30 s -> listener -> embeddings in a prompt

Questions are put as the training data has them (training_data.question_example); answers are the likeliest words.

Knows nothing of stories or files' formats.
"""

from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import soxr
import torch
from numpy.typing import NDArray
from torch import Tensor

from diegetic.errors import Failure
from diegetic.model.audiostory import AudioStory
from diegetic.model.codec import Drawn
from diegetic.model.oobleck import Oobleck
from diegetic.model.sequence import PlanEncoder, plain
from diegetic.protocol import Heard, Samples
from diegetic.story import FOREGROUND, MAX_CAPTION_CHARACTERS

RATE_HZ, WINDOW_S = 16_000, 30.0
DESCRIBE = "What is heard? Describe the sound in one sentence."
FOLLOWS = "Understand the input audio, infer the subsequent events, and say in one sentence what is heard next."
MAX_ANSWER_TOKENS = 96


class WhisperEars:
    """Ears of a model with a listener. folder: Whisper's, in Hugging Face's format, read when it is first needed."""

    def __init__(self, folder: Path | None, network: AudioStory, encoder: PlanEncoder, codec: Oobleck) -> None:
        self._folder, self._network, self._encoder, self._codec = folder, network, encoder, codec

    def hear(self, samples: Samples) -> tuple[Heard, ...]:
        """A description of every 30 s."""
        frames, rate_hz = round(WINDOW_S * self._codec.rate_hz), self._codec.rate_hz
        starts = range(0, len(samples), frames)
        return tuple(
            self._described(samples[start : start + frames], start / rate_hz)
            for start in starts
            if start == 0 or len(samples) - start >= rate_hz
        )

    def hear_whole(self, samples: Samples) -> Heard:
        """A description of the last 30 s."""
        return self._described(samples[-round(WINDOW_S * self._codec.rate_hz) :], 0.0)

    @torch.inference_mode()
    def ask(self, samples: Samples, question: str) -> str:
        """Answer a question about the last 30 s."""
        states = self._states(samples[-round(WINDOW_S * self._codec.rate_hz) :])
        ids, marked = self._prompt(question)
        network = self._network
        if network.listener is None:
            raise Failure(f"{network.config.name}: its preset has no [listener], so it can't listen; add one")
        heard = network.listener(states.to(network.null))
        embeddings = network.llm.get_input_embeddings()(ids)
        embeddings = embeddings.masked_scatter(marked[..., None], heard.to(embeddings))
        answered = network.llm.generate(
            inputs_embeds=embeddings,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=MAX_ANSWER_TOKENS,
            do_sample=False,
            eos_token_id=self._encoder.end,
            pad_token_id=self._encoder.end,
        )
        return self._encoder.decode([token for token in answered[0].tolist() if token != self._encoder.end]).strip()

    def what_follows(self, samples: Samples) -> str:
        """What may come next."""
        return self.ask(samples, FOLLOWS)

    def listen(self, samples: Samples, called: NDArray[np.float32], caption: str, seed: int) -> Drawn:
        """The codec's latents of a recording."""
        place = next(self._codec.parameters())
        stereo = samples if samples.shape[1] == 2 else np.repeat(samples, 2, axis=1)
        latents = self._codec.encode(torch.from_numpy(np.ascontiguousarray(stereo))[None].to(place))
        return Drawn(latents[0].float().cpu().numpy(), called, seed)

    def _described(self, samples: Samples, start_s: float) -> Heard:
        said = self.ask(samples, DESCRIBE)[:MAX_CAPTION_CHARACTERS] or "a sound"
        return Heard(said, FOREGROUND, start_s, start_s + len(samples) / self._codec.rate_hz, 1.0)

    def _prompt(self, question: str) -> tuple[Tensor, Tensor]:
        """Ids [1, tokens] of a question, and which of them stand for the sound."""
        encoder, config = self._encoder, self._network.config.listener
        places = config.tokens if config else 0
        before = encoder.text("<|im_start|>user\n<aud>")
        heard = encoder.text("<aud_00000>" * places)
        after = encoder.text(f"</aud>{plain(question)}<|im_end|>\n<|im_start|>assistant\n")
        marks = [False] * len(before) + [True] * len(heard) + [False] * len(after)
        device = self._network.llm.device
        return torch.tensor([[*before, *heard, *after]], device=device), torch.tensor([marks], device=device)

    def _states(self, samples: Samples) -> Tensor:
        mono = soxr.resample(samples.mean(1), self._codec.rate_hz, RATE_HZ).astype(np.float32)
        mels, encoder = self._whisper
        features = mels(mono, sampling_rate=RATE_HZ, return_tensors="pt").input_features
        return cast(Tensor, encoder(features.to(encoder.device, encoder.dtype)).last_hidden_state)

    @cached_property
    def _whisper(self) -> tuple[Any, Any]:
        from transformers import WhisperFeatureExtractor, WhisperModel

        if self._folder is None:
            told = "has no audio encoder among its files"
            raise Failure(f"{self._network.config.name}: {told}; put the folder whisper-large-v3 beside them")
        extractor: Any = WhisperFeatureExtractor
        model: Any = WhisperModel
        try:
            encoder = model.from_pretrained(self._folder, dtype=torch.bfloat16).encoder
            mels = extractor.from_pretrained(self._folder)
        except (OSError, ValueError) as error:
            raise Failure(
                f"{self._folder}: can't be read ({str(error).splitlines()[0][:100]}); copy it again"
            ) from error
        return mels, encoder.to(self._network.null.device).eval()
