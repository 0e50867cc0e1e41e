"""From texts to tokens: the join, the beginning of a sequence, and the model's context."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from ushaped.errors import UserError
from ushaped.scoring.engine.encoding import Encoded, Encoder, data, fitted, fitted_prompt, tokens


class Letters:
    """A tokenizer by hand: one token per letter, ``xy`` is one token; 0 begins, 9 ends.

    Letters that it does not know are dropped, or become token 8.
    """

    bos_token_id: int | None = 0
    eos_token_id = 9
    all_special_ids = (0, 8, 9)
    letters = "?abxy"

    def __init__(self, begins: bool = True, ends: bool = False) -> None:
        self.begins, self.ends = begins, ends
        self.unk_token_id: int | None = None
        self.obeys = True

    def __call__(self, text: str | Sequence[str], add_special_tokens: bool = True) -> Any:
        if not isinstance(text, str):
            return {"input_ids": [self(one, add_special_tokens)["input_ids"] for one in text]}
        found = [self.letters.find(letter) for letter in text.replace("xy", "?")]
        ids = [5 if i == 0 else i for i in found if i >= 0 or self.unk_token_id]
        ids = [8 if i < 0 else i for i in ids]
        around = add_special_tokens or not self.obeys
        return {"input_ids": [0] * (self.begins and around) + ids + [9] * (self.ends and around)}

    def get_vocab(self) -> dict[str, int]:
        """Tokens by what they stand for."""
        return {letter: n or 5 for n, letter in enumerate(self.letters)} | {"<s>": 0, "</s>": 9}

    def decode(self, ids: list[int]) -> str:
        """The text of some tokens."""
        return "".join(self.letters[n % 5] for n in ids)


def encoded(prompt: str, name: str, tokenizer: Letters, bos: str = "default") -> Encoded:
    """One prompt with one continuation."""
    ((found,),) = Encoder(tokenizer, bos).pairs([prompt], [[name]])  # type: ignore[arg-type]
    return found


def test_a_continuation_begins_where_the_prompt_ends() -> None:
    assert encoded("ab", "ba", Letters()) == Encoded(data([0, 1, 2, 2, 1]), 3)


def test_a_token_across_the_join_counts_to_the_continuation_and_is_flagged() -> None:
    assert encoded("ax", "ya", Letters()) == Encoded(data([0, 1, 5, 1]), 2, boundary_merged=True)


@pytest.mark.parametrize(
    ("begins", "bos", "first"),
    [
        (True, "default", [0, 1]),
        (False, "default", [1]),
        (True, "never", [1]),
        (False, "always", [0, 1]),
        (True, "always", [0, 1]),
    ],
)
def test_the_beginning_token_is_as_the_registry_says(
    begins: bool, bos: str, first: list[int]
) -> None:
    found = encoded("a", "b", Letters(begins), bos)
    assert tokens(found.data).tolist() == [*first, 2]
    assert found.start == len(first)


def test_no_token_that_ends_a_text_comes_between_prompt_and_continuation() -> None:
    assert encoded("a", "b", Letters(ends=True)) == Encoded(data([0, 1, 2]), 2)


def test_a_tokenizer_without_a_beginning_token_cannot_be_told_to_use_one() -> None:
    tokenizer = Letters()
    tokenizer.bos_token_id = None
    with pytest.raises(UserError, match="bos: always: the tokenizer has no beginning"):
        encoded("a", "b", tokenizer, "always")


def test_a_prompt_that_leaves_no_token_is_refused() -> None:
    with pytest.raises(UserError, match="leaves no token before the class; set 'bos: always'"):
        encoded("", "a", Letters(), "never")


def many(*sizes: tuple[int, int]) -> list[Encoded]:
    """Continuations of one prompt, by length and start."""
    return [Encoded(data(range(size)), start) for size, start in sizes]


def test_the_last_token_needs_no_room_in_the_context() -> None:
    names = many((7, 6))
    assert fitted(names, 6, "item 1", too_long="error") == names
    assert fitted(names, None, "item 1", too_long="error") == names
    with pytest.raises(UserError, match=r"^item 1: has 6 tokens, the model's context 5; leave out"):
        fitted(names, 5, "item 1", too_long="error")


def test_all_continuations_of_a_prompt_are_cut_alike_behind_the_beginning_token() -> None:
    short, long = fitted(many((7, 5), (9, 5)), 6, "here", too_long="cut", begins_with=[0])
    assert tokens(short.data).tolist() == [0, 3, 4, 5, 6]
    assert tokens(long.data).tolist() == [0, 3, 4, 5, 6, 7, 8]
    assert {(one.start, one.cut) for one in (short, long)} == {(3, 2)}


def test_a_continuation_is_never_cut() -> None:
    with pytest.raises(UserError, match="here: has a class that alone fills the model's context"):
        fitted(many((9, 3)), 5, "here", too_long="cut")


def test_a_chain_gets_the_room_that_prompt_and_answer_leave() -> None:
    prompt = data(range(10))
    assert fitted_prompt(prompt, 20, "here", after=4, too_long="error") == (prompt, 6)
    with pytest.raises(UserError, match="here: has 15 tokens, the model's context 14"):
        fitted_prompt(prompt, 14, "here", after=4, too_long="error")
    cut, room = fitted_prompt(prompt, 12, "here", after=4, too_long="cut", begins_with=[0])
    assert (tokens(cut).tolist(), room) == ([0, 4, 5, 6, 7, 8, 9], 1)
    with pytest.raises(UserError, match="alone fills"):
        fitted_prompt(prompt, 4, "here", after=4, too_long="cut")


# -- what a tokenizer does not know ----------------------------------------------------------------


class Capitals(Letters):
    """A tokenizer that knows none of the letters that texts usually have."""

    letters = "?ÅÄÖØ"


def test_the_beginning_is_found_though_the_tokenizer_knows_no_usual_letter() -> None:
    assert Encoder(Capitals()).begins_with == (0,)  # type: ignore[arg-type]
    assert encoded("ÅÄ", "Ö", Capitals(ends=True)) == Encoded(data([0, 1, 2, 3]), 3)
    assert Encoder(Capitals(begins=False)).begins_with == ()  # type: ignore[arg-type]


def test_a_tokenizer_that_shows_no_beginning_must_be_told() -> None:
    class Moody(Letters):
        def __call__(self, text: Any, add_special_tokens: bool = True) -> Any:
            found = super().__call__(text, add_special_tokens)
            if text == "a" and add_special_tokens:
                return {"input_ids": [7, *found["input_ids"]]}
            return found

    with pytest.raises(UserError, match="bos: default: the tokenizer does not show which tokens"):
        encoded("a", "b", Moody())
    assert encoded("a", "b", Moody(), "never") == Encoded(data([1, 2]), 1)


def test_a_tokenizer_that_always_begins_texts_does_not_get_a_second_beginning() -> None:
    tokenizer = Letters()
    tokenizer.obeys = False
    for bos in ("default", "always", "never"):
        assert encoded("a", "b", tokenizer, bos) == Encoded(data([0, 1, 2]), 2)


def test_a_tokenizer_that_always_ends_texts_is_refused() -> None:
    tokenizer = Letters(ends=True)
    tokenizer.obeys = False
    with pytest.raises(UserError, match="ends every text with its end-of-sequence token"):
        encoded("a", "b", tokenizer)


@pytest.mark.parametrize("unknown", [None, 8])
@pytest.mark.parametrize(
    ("prompt", "names", "line"),
    [
        ("a", ["b", "."], r"^here: class '\.' "),
        ("a", [""], "^here: class '' gives no token of its own"),
        ("...", ["b"], r"^here: the prompt '\.\.\.' has no token that the tokenizer knows"),
    ],
)
def test_a_prompt_or_class_without_a_token_is_named_with_its_item(
    unknown: int | None, prompt: str, names: list[str], line: str
) -> None:
    tokenizer = Letters()
    tokenizer.unk_token_id = unknown
    with pytest.raises(UserError, match=line):
        Encoder(tokenizer).pairs([prompt], [names], ["here"])  # type: ignore[arg-type]


def test_two_classes_of_the_same_tokens_are_named() -> None:
    with pytest.raises(UserError, match=r"^here: classes 'b' and 'b\.' are the same tokens"):
        Encoder(Letters()).pairs(["a"], [["b", "b."]], ["here"])  # type: ignore[arg-type]


def test_a_token_that_the_model_does_not_know_is_named_with_its_item() -> None:
    encoder = Encoder(Letters(), vocabulary=3)  # type: ignore[arg-type]
    assert len(encoder.pairs(["a"], [["b"]])) == 1
    for prompt, name in (("ax", "b"), ("a", "y")):
        with pytest.raises(UserError, match=r"^two: the tokenizer has more tokens than"):
            encoder.pairs(["a", prompt], [["b"], [name]], ["one", "two"])


@pytest.mark.parametrize("rotary", [True, False])
def test_a_model_with_a_context_of_eight_tokens_scores_what_is_cut_to_it(
    tokenizer: Any, rotary: bool
) -> None:
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

    from tiny_models import ENDS, SIZES, SMALL, VOCABULARY
    from ushaped.scoring.engine.engine import log_likelihoods

    sizes = SIZES | SMALL | ENDS | {"max_position_embeddings": 8, "intermediate_size": 32}
    few = {"vocab_size": VOCABULARY, "n_positions": 8, "n_embd": 16, "n_layer": 2, "n_head": 4}
    model = (
        LlamaForCausalLM(LlamaConfig(**sizes))
        if rotary
        else GPT2LMHeadModel(GPT2Config(**few, **ENDS))
    ).eval()
    prompt, name = "Which one is not a bird? 12 7 12", " no"
    with pytest.raises(UserError, match=r"item 0: has \d+ tokens, the model.s context 8"):
        log_likelihoods(model, tokenizer, [prompt], [[name]])
    (found,) = log_likelihoods(model, tokenizer, [prompt], [[name]], too_long="cut")
    ids = tokenizer(prompt + name)["input_ids"]
    ids = ids[:1] + ids[1 + found.cut :]
    assert len(ids) == 9
    with torch.inference_mode():
        lines = model(torch.tensor([ids[:-1]])).logits[0].log_softmax(-1)
    expected = sum(float(lines[at - 1, ids[at]]) for at in range(found.prompt_tokens, 9))
    assert found.log_likelihood == [pytest.approx(expected, abs=1e-4)]
