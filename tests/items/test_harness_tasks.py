"""Task files of lm-evaluation-harness become tasks of one's own, and say what they do not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from ushaped.errors import UserError
from ushaped.items.harness_tasks import Code, import_task, main, read_config
from ushaped.items.task import load_task, read_items

# In the shape of files that the harness has: names of columns and forms of templates.
TASK: dict[str, Any] = {
    "task": "invented",
    "dataset_path": "someone/invented",
    "output_type": "multiple_choice",
    "test_split": "test",
    "doc_to_text": "Question: {{question}}\nAnswer:",
    "doc_to_choice": "{{choices.text}}",
    "doc_to_target": "{{choices.label.index(answerKey)}}",
    "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
    "metadata": {"version": 1.0},
}
ROW: dict[str, Any] = {
    "question": "Which floats?",
    "choices": {"text": ["cork", "iron"], "label": ["A", "B"]},
    "answerKey": "B",
    "support": "  Iron is heavy. ",
    "right": "cork",
    "wrong": "iron",
    "label": 1,
}


CORK, LETTERS = [" cork", " iron"], [" A", " B"]


def item(row: dict[str, Any] = ROW, **config: Any) -> dict[str, Any]:
    """The item of a row."""
    (made,) = import_task(Path("t.yaml"), TASK | config, [row], "invented").items
    return made


def complaint(row: dict[str, Any] = ROW, **config: Any) -> str:
    """The one line of a refusal."""
    with pytest.raises(UserError) as caught:
        import_task(Path("t.yaml"), TASK | config, [row], "invented")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def left_out(**config: Any) -> str:
    """What is not taken over."""
    return "\n".join(import_task(Path("t.yaml"), TASK | config, [ROW] * 2, "invented").left_out)


# -- templates ---------------------------------------------------------------------------------


def test_templates_are_filled_and_the_right_choice_is_found_by_its_label() -> None:
    assert item() == {
        "prompt": "Question: Which floats?\nAnswer:",
        "classes": [" cork", " iron"],
        "answer_index": 1,
    }


@pytest.mark.parametrize(
    ("config", "classes", "answer"),
    [
        ({"doc_to_choice": ["no", "yes"], "doc_to_target": "label"}, [" no", " yes"], 1),
        ({"doc_to_choice": {"a": "no", "b": "yes"}, "doc_to_target": 0}, [" no", " yes"], 0),
        ({"doc_to_choice": "{{[wrong, right]}}", "doc_to_target": "right"}, [" iron", " cork"], 1),
        ({"doc_to_choice": "{{[right, wrong]}}", "doc_to_target": "{{right}}"}, CORK, 0),
        (
            {"doc_to_choice": ["A", "B"], "doc_to_target": "{{'AB'.index(answerKey)}}"},
            [" A", " B"],
            1,
        ),
        ({"doc_to_choice": ["A", "B"], "doc_to_target": "answerKey"}, [" A", " B"], 1),
        ({"doc_to_target": "{{1 - label}}"}, [" cork", " iron"], 0),
        ({"target_delimiter": ""}, ["cork", "iron"], 1),
        ({"target_delimiter": "\n"}, ["\ncork", "\niron"], 1),
    ],
)
def test_choices_and_targets_are_columns_templates_lists_numbers_or_texts(
    config: dict[str, Any], classes: list[str], answer: int
) -> None:
    made = item(**config)
    assert (made["classes"], made["answer_index"]) == (classes, answer)


@pytest.mark.parametrize(
    ("template", "prompt", "blank"),
    [
        ("question", "Which floats?", " "),
        ("{{support.strip()}} {{question}}", "Iron is heavy. Which floats?", " "),
        ("{{question|upper}}\n", "WHICH FLOATS?", "\n "),
        ("Q: {{question}} A: ", "Q: Which floats? A:", "  "),
        ("{{question|regex_replace('o+', '0')}}", "Which fl0ats?", " "),
        ("{% if label %}{{question}}{% endif %}", "Which floats?", " "),
    ],
)
def test_blanks_at_the_end_of_a_prompt_belong_to_the_classes_as_in_the_harness(
    template: str, prompt: str, blank: str
) -> None:
    made = item(doc_to_text=template)
    assert (made["prompt"], made["classes"][0]) == (prompt, f"{blank}cork")


def test_a_description_stands_before_every_prompt() -> None:
    made = item(description="Answer about {{right}}.\n\n")
    assert made["prompt"] == "Answer about cork.\n\nQuestion: Which floats?\nAnswer:"


def test_an_included_file_gives_way_to_the_keys_of_the_file_itself(tmp_path: Path) -> None:
    (tmp_path / "_base_yaml").write_text(yaml.safe_dump(TASK))
    (tmp_path / "one.yaml").write_text("include: _base_yaml\ntask: one\ndataset_name: easy\n")
    config = read_config(tmp_path / "one.yaml")
    assert config == TASK | {"task": "one", "dataset_name": "easy"}
    (tmp_path / "_base_yaml").write_text("include: one.yaml\n")
    with pytest.raises(UserError, match="includes itself"):
        read_config(tmp_path / "one.yaml")


# -- what is not taken over --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "line"),
    [
        (
            {"metric_list": [{"metric": "acc_norm"}]},
            "metric acc_norm: classes are compared by",
        ),
        (
            {"metric_list": [{"metric": "brier_score"}]},
            "metric brier_score: the metric is acc",
        ),
        (
            {"metric_list": [{"metric": Code("u.f")}]},
            "metric !function u.f: the metric is",
        ),
        ({"process_results": Code("u.f")}, "process_results: has no counterpart here"),
        ({"filter_list": []}, "filter_list: has no counterpart here"),
        ({"num_fewshot": 5}, "few-shot: items are joined by '\\n\\n\\n', not by '\\n\\n'"),
        ({"num_fewshot": 5, "fewshot_split": "dev"}, "are shown, not those of split 'dev'"),
        ({"num_fewshot": 5, "description": "Now:\n"}, "description: stands before every item"),
        ({"fewshot_config": {"sampler": "first_n"}}, "fewshot_config: has no counterpart here"),
        ({"target_delimiter": ""}, "some classes begin with no space"),
        ({}, "true_task, distractor_task: the file does not say them"),
    ],
)
def test_what_is_not_taken_over_is_listed(config: dict[str, Any], line: str) -> None:
    assert line in left_out(**config)


def test_what_changes_no_item_is_not_listed() -> None:
    config = {"tag": ["a"], "task_alias": "b", "should_decontaminate": True, "repeats": 1}
    config |= {"doc_to_decontamination_query": "question", "training_split": "train"}
    assert left_out(**config) == left_out()
    assert len(left_out().splitlines()) == 1


def test_few_shot_becomes_a_variant() -> None:
    def variants(**config: Any) -> list[str]:
        return import_task(Path("t.yaml"), TASK | config, [ROW], "invented").variants

    assert variants(num_fewshot=5) == ["zero-shot", "few-shot-5"]
    assert variants(num_fewshot=0) == variants() == ["zero-shot"]


def test_rows_that_make_no_item_are_left_out_and_counted() -> None:
    rows = [ROW, ROW | {"answerKey": "C"}, ROW, ROW | {"choices": None}]
    made = import_task(Path("t.yaml"), TASK, rows, "invented")
    assert len(made.items) == 2
    (line,) = [line for line in made.left_out if "rows" in line]
    assert line.startswith("2 of 4 rows: row 2, doc_to_target: cannot be filled")
    assert "row 4, doc_to_choice: cannot be filled" in line


@pytest.mark.parametrize(("answers", "balanced"), [("ABAB", True), ("ABBB", False), ("BB", False)])
def test_whether_every_place_is_right_equally_often_is_counted(
    answers: str, balanced: bool
) -> None:
    rows = [ROW | {"answerKey": letter} for letter in answers]
    assert import_task(Path("t.yaml"), TASK, rows, "invented").facts["balanced"] is balanced


# -- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            {"output_type": "generate_until"},
            "t.yaml, output_type: is 'generate_until'; only",
        ),
        ({"output_type": None}, "t.yaml, output_type: is missing; only multiple_choice"),
        ({"group": "all", "task": ["a", "b"]}, "t.yaml: is a group of tasks; give the file of one"),
        ({"process_docs": Code("utils.f")}, "t.yaml, process_docs: changes the rows by code; "),
        (
            {"doc_to_text": Code("utils.f")},
            "t.yaml, doc_to_text: is code (!function utils.f)",
        ),
        ({"doc_to_target": Code("utils.f")}, "t.yaml, doc_to_target: is code (!function utils.f)"),
        ({"doc_to_choice": None}, "t.yaml, doc_to_choice: is missing"),
        ({"gen_prefix": "So"}, "t.yaml, gen_prefix: puts a text between prompt and classes"),
        ({"doc_to_text": "{{question"}, "t.yaml, doc_to_text: is no template (unexpected end"),
        (
            {"doc_to_text": "{{query}}"},
            "row 1, doc_to_text: cannot be filled ('query' is un",
        ),
        ({"doc_to_text": "label"}, "row 1, doc_to_text: is the number of a choice"),
        ({"doc_to_text": "{{label}}"}, "row 1, doc_to_text: is the number of a choice"),
        ({"doc_to_text": "{{''}}"}, "row 1: prompt '' is no text"),
        ({"doc_to_choice": "{{right}}"}, "row 1, doc_to_choice: 'cork' is no list of texts"),
        ({"doc_to_choice": [False, True]}, "doc_to_choice: [False, True] is no list of texts"),
        (
            {"doc_to_choice": ["a", "a"]},
            "row 1: classes [' a', ' a'] are not two or more",
        ),
        ({"doc_to_target": "{{[0, 1]}}"}, "row 1, doc_to_target: are several right answers"),
        ({"doc_to_target": -1}, "row 1, doc_to_target: -1 is none of 2 choices; does this split"),
        ({"doc_to_target": 2}, "row 1, doc_to_target: 2 is none of 2 choices"),
        ({"doc_to_target": "{{wrong}}s"}, "row 1, doc_to_target: 'irons' is none of 2 choices"),
    ],
)
def test_a_task_that_cannot_be_taken_over_is_refused_in_one_line(
    config: dict[str, Any], said: str
) -> None:
    assert said in complaint(**config)


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ question.__init__.__globals__ }}",
        "{{ choices.text.append('x') }}",
        "{{ choices.update({'text': []}) }}",
        "{% for n in range(10000000) %}x{% endfor %}",
    ],
)
def test_templates_reach_nothing_outside_of_their_row_and_change_nothing(template: str) -> None:
    row = json.loads(json.dumps(ROW))
    assert "row 1, doc_to_text: cannot be filled" in complaint(row, doc_to_text=template)
    assert row == ROW


# -- the command -------------------------------------------------------------------------------

# As the harness writes such files: with `!function` and YAML's older words for truth values.
FILE = """\
tag: [ai2]
task: invented
dataset_path: someone/invented
dataset_name: easy
output_type: multiple_choice
training_split: train
test_split: test
doc_to_text: "Question: {{question}}\\nAnswer:"
doc_to_choice: ["no", "yes"]
doc_to_target: label
num_fewshot: 2
metric_list:
  - metric: acc
  - metric: acc_norm
  - metric: !function utils.mine
metadata: {version: 1.0}
"""


def test_the_command_writes_a_task_that_is_read_again_and_prints_what_it_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.yaml").write_text(FILE)
    rows = "question,label\n" + "".join(f"Is {n} odd?,{n % 2}\n" for n in range(6))
    (tmp_path / "rows.csv").write_text(rows)
    words = [str(tmp_path / "t.yaml"), "--data", str(tmp_path / "rows.csv")]
    words += ["--output", str(tmp_path / "mine")]
    main(words)
    said = capsys.readouterr().out
    task = load_task(tmp_path / "mine/invented")
    items, warnings = read_items(task.folder / "items.jsonl", task.schema)
    assert not warnings
    assert [one.answer_index for one in items] == [0, 1] * 3
    assert items[3].prompt == "Question: Is 3 odd?\nAnswer:"
    assert items[3].classes == (" no", " yes")
    assert task.facts.balanced
    settings = yaml.safe_load(said.split("In a configuration:\n")[1].split("Not taken")[0])
    assert settings["variants"] == ["zero-shot", "few-shot-2"]
    listed = said.split("Not taken over:\n")[1].splitlines()
    assert len(listed) == 5
    assert listed[1] == "- metric !function utils.mine: the metric is accuracy"
    with pytest.raises(UserError, match="mine/invented: is there already; delete it, or give"):
        main(words)


def test_a_refused_task_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(FILE.replace('["no", "yes"]', "!function utils.choices"))
    (tmp_path / "rows.jsonl").write_text(json.dumps(ROW) + "\n")
    words = [str(tmp_path / "t.yaml"), "--data", str(tmp_path / "rows.jsonl")]
    with pytest.raises(UserError, match=r"doc_to_choice: is code \(!function utils.choices\)"):
        main([*words, "--output", str(tmp_path / "mine")])
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        (
            FILE,
            ["--data", "no.jsonl"],
            "no.jsonl: is not there; give a file, or a dataset",
        ),
        (
            FILE.replace("task: inv", "task: in v"),
            ["--data", "rows.jsonl"],
            "t.yaml, task: 'in v",
        ),
        (
            FILE.replace("someone/invented", "[a]"),
            [],
            "t.yaml, dataset_path: names no dataset",
        ),
        ("- a\n", ["--data", "rows.jsonl"], "t.yaml: is no mapping; give a task file"),
        ("a: [\n", ["--data", "rows.jsonl"], "t.yaml: is no YAML ("),
        ("a: !other b\n", ["--data", "rows.jsonl"], "t.yaml: is no YAML ("),
    ],
)
def test_wrong_words_and_files_are_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.yaml").write_text(text)
    Path("rows.jsonl").write_text(json.dumps(ROW) + "\n")
    with pytest.raises(UserError) as caught:
        main(["t.yaml", *words, "--output", "mine"])
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)
