"""What drafts a plan faster than the LLM itself, where there is such a thing: by where the LLM is.

Knows nothing of how a token is read.
"""

import logging
from typing import Any

from diegetic.model.capture import not_recorded
from diegetic.model.draft import Step
from diegetic.model.int8_step import Int8Step
from diegetic.model.reader import TokenStep

_log = logging.getLogger(__name__)


def fastest_step(llm: Any) -> Step | None:
    """A recorded step on a GPU, a small Llama in eight bits on a CPU; None where neither can be."""
    if llm.device.type == "cuda":
        try:
            return TokenStep(llm)
        except RuntimeError as error:
            not_recorded("a token of a plan", error)
            return None
    try:
        return Int8Step(llm)
    except ValueError as error:
        _log.debug("plans are drafted by the LLM itself (%s)", error)
        return None
