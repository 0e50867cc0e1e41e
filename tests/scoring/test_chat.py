"""Prompts go through a model's own chat template, and classes follow what that really ends in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from transformers import PreTrainedModel

from score_files import made, score, scores, write_prompts
from tiny_models import plain
from ushaped.errors import UserError
from ushaped.files import write_json
from ushaped.models.load import describe, has_chat_template
from ushaped.scoring.chat import ChatSettings, ChatTemplate
from ushaped.scoring.engine.encoding import Encoder, tokens

# As ChatML has it: a line break before the answer.
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# As Llama 2 has it: the beginning of the text is the template's own, a blank before the answer.
LLAMA = (
    "{% for m in messages %}{% if m.role == 'user' %}{{ bos_token }}[INST] {{ m.content | trim }} "
    "[/INST]{% else %} {{ m.content | trim }} {{ eos_token }}{% endif %}{% endfor %}"
)
# As Qwen 3 has it: an empty thought before an answer without one.
THINKS = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}<think>\n\n"
    "</think>\n\n{% endif %}{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
OWN_SYSTEM = (
    "{% if messages[0].role != 'system' %}<|im_start|>system\nYou are Q.<|im_end|>\n{% endif %}"
    + CHATML
)
NO_SYSTEM = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
)
DATED = "{{ strftime_now('%d %b %Y') }}" + CHATML
ROW = {
    "prompt": "Which?",
    "other_prompt": None,
    "classes": [" A", " B"],
    "chain": False,
    "think": None,
    "stop": None,
}


@pytest.fixture
def made_template(tokenizer: Any) -> Any:
    """Make the chat template of a tokenizer with this text and these settings."""

    def make(text: str, **settings: Any) -> ChatTemplate:
        tokenizer.chat_template = text
        return ChatTemplate(tokenizer, ChatSettings(**settings), "tiny")

    before = tokenizer.chat_template
    yield make
    tokenizer.chat_template = before


def test_classes_lose_their_blank_after_a_line_break(made_template: Any) -> None:
    row = made_template(CHATML).row(ROW)
    assert row["prompt"] == "<|im_start|>user\nWhich?<|im_end|>\n<|im_start|>assistant\n"
    assert row["classes"] == ["A", "B"]


def test_the_blank_that_a_template_puts_belongs_to_the_class(made_template: Any) -> None:
    row = made_template(LLAMA).row(ROW)
    assert row["prompt"].endswith("[INST] Which? [/INST]")
    assert row["classes"] == [" A", " B"]


def test_classes_after_a_chain_of_thought_stay_as_they_are(made_template: Any) -> None:
    row = made_template(CHATML).row(ROW | {"chain": True, "stop": ["\n"]})
    assert row["classes"] == [" A", " B"]
    # The chain ends where the model ends its turn.
    assert row["stop"] == []


def test_both_prompts_of_a_log_odds_item_are_conversations(made_template: Any) -> None:
    row = made_template(CHATML).row(ROW | {"other_prompt": "What?"})
    assert row["other_prompt"] == row["prompt"].replace("Which", "What")


def test_an_empty_thought_of_the_template_stands_before_the_answer(made_template: Any) -> None:
    template = made_template(THINKS)
    assert template.row(ROW)["prompt"].endswith("assistant\n<think>\n\n</think>\n\n")
    # Where the model may think, it begins the thought.
    thinking = template.row(ROW | {"think": 8, "stop": ["\n\n"]})
    assert thinking["prompt"].endswith("<|im_start|>assistant\n")


def test_a_templates_own_system_prompt_is_shown_and_can_be_replaced(made_template: Any) -> None:
    assert "You are Q." in made_template(OWN_SYSTEM).about()["example"]
    own = made_template(OWN_SYSTEM, system_prompt="Answer briefly.").about()["example"]
    assert "Answer briefly." in own
    assert "You are Q." not in own
    assert "system\n<|im_end|>" in made_template(OWN_SYSTEM, system_prompt="").about()["example"]


def test_the_beginning_of_a_text_is_put_once(made_template: Any) -> None:
    template = made_template(LLAMA)
    tokenizer, text = template.tokenizer, template.row(ROW)["prompt"]
    for setting in ("default", "always"):
        encoder = Encoder(tokenizer, template.bos(setting))
        (ids,) = encoder([text])
        assert tokens(ids).tolist().count(tokenizer.bos_token_id) == 1
    # Where the template has none, there is none unless it is asked for.
    plain = made_template(CHATML)
    assert (plain.bos("default"), plain.bos("always")) == ("never", "always")


def test_a_date_in_a_template_is_the_same_every_day(made_template: Any) -> None:
    assert made_template(DATED).row(ROW)["prompt"].startswith("26 Jul 2024")


@pytest.mark.parametrize(
    ("text", "settings", "said"),
    [
        ("", {}, "tiny, chat: template: its tokenizer has no chat template; set chat: off"),
        (NO_SYSTEM + CHATML, {"system_prompt": "x"}, "refuses the conversation \\(no system role"),
        ("{{ messages[0].content }}", {}, "leaves out what the assistant says"),
        (
            "{% for m in messages if m.role != 'system' %}{{ m.content }}{% endfor %}",
            {"system_prompt": "Be brief."},
            "tiny, system_prompt: the template leaves it out",
        ),
    ],
)
def test_what_a_template_cannot_do_is_refused_in_a_line(
    made_template: Any, text: str, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        made_template(text, **settings)


def test_a_folder_shows_whether_it_has_a_template(tmp_path: Path) -> None:
    assert not has_chat_template(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text('{"chat_template": ""}')
    assert not has_chat_template(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text('{"chat_template": "x"}')
    assert has_chat_template(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text("[]")
    assert not has_chat_template(tmp_path)
    (tmp_path / "chat_template.jinja").write_text("x")
    assert has_chat_template(tmp_path)


def test_a_job_scores_the_conversation_and_says_so(
    tmp_path: Path, tokenizer: Any, model: PreTrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "model"
    model.save_pretrained(folder)
    tokenizer.chat_template = CHATML
    tokenizer.save_pretrained(folder)
    tokenizer.chat_template = None
    scale = {"parameters": 1, "non_embedding_parameters": 1, "training_tokens": 1}
    about = describe("tiny", folder, family="test", size="1", seed=0, training_flops=1.0, **scale)
    write_json(tmp_path / "model.json", about)
    path = write_prompts(tmp_path, "neqa", "zero-shot")
    score(tmp_path, monkeypatch)
    assert "chat" not in made(tmp_path)
    without = scores(tmp_path)["zero-shot"]

    score(tmp_path, monkeypatch, "--chat", ChatSettings("Be brief.").as_json())
    found, asked = scores(tmp_path)["zero-shot"], pq.read_table(path).to_pylist()
    for row, before, item in zip(found, without, asked, strict=True):
        text = (
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n"
            f"{item['prompt']}<|im_end|>\n<|im_start|>assistant\n"
        )
        # The template has no beginning-of-sequence token, so there is none.
        start = len(tokenizer(text, add_special_tokens=False)["input_ids"])
        ids = [
            tokenizer(text + name, add_special_tokens=False)["input_ids"] for name in ("yes", "no")
        ]
        expected = [plain(model, one, start) for one in ids]
        assert row["log_likelihood"] == pytest.approx(expected, abs=1e-4)
        assert row["log_likelihood"] != before["log_likelihood"]
    said = made(tmp_path)["chat"]
    assert (said["system_prompt"], json.dumps(said["template_arguments"])) == ("Be brief.", "{}")
    assert "PROMPT" in said["example"]
