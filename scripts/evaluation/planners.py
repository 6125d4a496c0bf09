"""Other ways to plan a scene, to stand beside pocket's: the LLM before it was tuned, and rules.

Knows nothing of what a plan must have.
"""

import re
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from diegetic.model.clauses import parts
from diegetic.protocol import Planned, StoryModel
from diegetic.story import BED, FOREGROUND, MAX_EVENT_S, MAX_PLANNED_EVENTS, MIN_EVENT_S, Event

_LINE = re.compile(r"^\s*(?P<lane>bed|foreground)?\s*(?P<first>\d+)\s*-\s*(?P<last>\d+)\s*:?\s*(?P<caption>\S.*)$")
_ASKED = """You plan the sounds of a scene. Answer with one line for each sound, in order: "bed" for a sound that goes \
on or "foreground" for one that happens, then start and end in seconds, then the sound. No other words."""
_EXAMPLE = ("A storm breaks over a harbour: rain on the water, thunder, a ship's bell. 20 seconds.",
            "bed 0-20: rain on the water\nforeground 3-8: thunder\nforeground 12-15: ship's bell")  # fmt: skip
MOST_TOKENS = 120


def by_pocket(model: StoryModel, text: str, seconds: float) -> list[Planned]:
    """The model's own plan."""
    return list(model.plan(model.begin(text, seconds)))


class Untuned:
    """The LLM that pocket's was tuned from, asked in plain words with one example; greedy. base: its folder."""

    def __init__(self, base: Path) -> None:
        # transformers leaves both untyped.
        self._tokenizer: Any = AutoTokenizer.from_pretrained(base)
        self._llm: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)

    @torch.inference_mode()
    def plan(self, text: str, seconds: float) -> list[Event]:
        """What it answers, read as a plan; lines that are no events are left out."""
        asked, answered = _EXAMPLE
        turns = [("system", _ASKED), ("user", asked), ("assistant", answered), ("user", f"{text} {seconds:g} seconds.")]
        said = "".join(f"<|im_start|>{who}\n{what}<|im_end|>\n" for who, what in turns) + "<|im_start|>assistant\n"
        ids = self._tokenizer(said, return_tensors="pt", add_special_tokens=False).input_ids
        end = self._tokenizer.convert_tokens_to_ids("<|im_end|>")
        out = self._llm.generate(ids, max_new_tokens=MOST_TOKENS, do_sample=False, eos_token_id=end, pad_token_id=end)
        return read_lines(str(self._tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)))


def read_lines(answer: str) -> list[Event]:
    """Events of an answer of lines "bed 0-20: rain"; no more than a plan may have."""
    events: list[Event] = []
    for line in answer.splitlines():
        if (match := _LINE.match(line.strip(" *-\t"))) is not None and int(match["last"]) > int(match["first"]):
            start, end = float(match["first"]), float(match["last"])
            lane = BED if match["lane"] == "bed" else FOREGROUND
            events.append(Event(f"e{len(events) + 1}", match["caption"].strip(), start, end - start, lane))
    return events[:MAX_PLANNED_EVENTS]


def by_rules(text: str, seconds: float) -> list[Event]:
    """Each clause as an event, one after the other, all equally long."""
    clauses = [part.text for part in parts(text)][: max(1, int(seconds / MIN_EVENT_S))] or [text]
    share = min(MAX_EVENT_S, seconds / len(clauses))
    return [Event(f"e{k + 1}", clause, k * share, share) for k, clause in enumerate(clauses)]
