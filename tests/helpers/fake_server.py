"""A server of a tiny model that answers as OpenAI's completions and chats do, well or badly."""

from __future__ import annotations

import json
import math
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import torch

NAME = "tiny"
Reply = tuple[int, dict[str, str], Any]


@dataclass
class Server:
    """A model behind an address, and switches for what it does wrong.

    Attributes
    ----------
    echo : str
        How log-probabilities of a prompt are given: ``right``, ``late`` (those of the position
        after each token), ``before`` or ``after`` (beside the wrong token), ``noise``, ``none``,
        ``ignored`` (the prompt is not echoed) or ``refused``.
    begins_with : str
        A special token that it lists before every text.
    named : str
        The model that it says it has used.
    key : str or None
        The required key; an answer to another key contains it.
    context : int
        Tokens that a prompt may have.
    faults : list of (int, dict, body)
        Replies that come before any other, one each; status 0 is a connection that breaks off.
    pause : float
        Seconds before each reply.
    lives : int or None
        Requests after which it only fails.
    asked : list of dict
        Bodies of all requests for completions.
    most : int
        Highest number of requests at once.
    cached : float
        Nats that are added to echoed log-probabilities of tokens that an earlier request began
        with, 8 or more of them: a prefix cache that is at fault.
    cached_from : int
        Requests before which it is not.
    answers : dict of str to str
        Texts that a chat answers prompts with; others get words drawn with the request's seed.
    odd : dict of str to dict
        What of a chat's choice is otherwise, by prompt.
    thinks : str
        How a chat gives its thought: ``no``, ``apart`` (in ``reasoning_content``) or ``inside``
        (between tags in the text).
    top : str
        How a chat gives log-probabilities of the first token: ``right``, ``none``, ``refused``,
        ``too likely`` (they add up to more than 1) or ``without`` (that of the token lacks).
    obeys : bool
        Whether it writes no more tokens than it is asked for.
    """

    model: Any = None
    tokenizer: Any = None
    echo: str = "right"
    begins_with: str = ""
    named: str = NAME
    version: str = "1.0"
    key: str | None = None
    context: int = 400
    faults: list[Reply] = field(default_factory=list)
    pause: float = 0.0
    lives: int | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    most: int = 0
    cached: float = 0.0
    cached_from: int = 0
    answers: dict[str, str] = field(default_factory=dict)
    odd: dict[str, dict[str, Any]] = field(default_factory=dict)
    thinks: str = "no"
    top: str = "right"
    obeys: bool = True
    url: str = ""
    _now: int = 0
    _seen: list[list[int]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reply(self, path: str, body: dict[str, Any] | None, key: str | None) -> Reply:
        """Status, headers and body of an answer."""
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
            self.keys.append(key)
        try:
            time.sleep(self.pause)
            with self._lock:
                return self._reply(path, body, key)
        finally:
            with self._lock:
                self._now -= 1

    def _reply(self, path: str, body: dict[str, Any] | None, key: str | None) -> Reply:
        if self.key and key != f"Bearer {self.key}":
            return 401, {}, {"error": {"message": f"no such key: {key}"}}
        if path == "/version":
            return 200, {}, {"version": self.version}
        if path == "/v1/models":
            model = {"id": NAME, "created": time.time(), "max_model_len": self.context}
            return 200, {}, {"object": "list", "data": [model]}
        asked = {"/v1/completions": self._completed, "/v1/chat/completions": self._chatted}
        if path not in asked or body is None:
            return 404, {}, {"detail": "Not Found"}
        self.asked.append(body)
        if self.faults:
            return self.faults.pop(0)
        if self.lives is not None:
            self.lives -= 1
            if self.lives < 0:
                return 500, {}, {}
        return asked[path](body)

    def _chatted(self, body: dict[str, Any]) -> Reply:
        """A token is a word; a thought is as long as its budget, but for the last word."""
        prompt, limit = body["messages"][-1]["content"], body["max_tokens"]
        words = sum(len(one["content"].split()) for one in body["messages"])
        if words + limit > self.context:
            said = f"maximum context length is {self.context} tokens, you sent {words}"
            return 400, {}, {"error": {"message": said}}
        if body.get("logprobs") and self.top == "refused":
            return 400, {}, {"error": {"message": "logprobs are not supported"}}
        written = self.answers.get(prompt) or self._drawn(prompt, body)
        budget = body.get("max_thinking_tokens", 0) if self.thinks != "no" else 0
        thought = ["hm"] * min(budget, limit)
        answer = written.split()[: limit - len(thought) if self.obeys else None]
        cut = len(answer) < len(written.split())
        text, message = " ".join(answer), {"role": "assistant"}
        if thought and self.thinks == "apart":
            message["reasoning_content"] = " ".join(thought)
        elif thought:
            text = f"<think>{' '.join(thought)}" + (f"</think>{text}" if answer else "")
        choice: dict[str, Any] = {"message": message | {"content": text or None}}
        choice["finish_reason"] = "length" if cut else "stop"
        if body.get("logprobs") and self.top != "none" and answer:
            choice["logprobs"] = {"content": [self._top(answer[0])]}
        usage = {"prompt_tokens": words, "completion_tokens": len(thought) + len(answer)}
        if self.thinks == "apart":
            usage["completion_tokens_details"] = {"reasoning_tokens": len(thought)}
        choice |= self.odd.get(prompt, {})
        return 200, {}, {"model": self.named, "choices": [choice], "usage": usage}

    def _drawn(self, prompt: str, body: dict[str, Any]) -> str:
        seed = body.get("seed", 0) if body.get("temperature") else "greedy"
        draws = random.Random(f"{prompt} {seed}")
        return " ".join(draws.choices(["yes", "no", "maybe", "so"], k=30))

    def _top(self, word: str) -> dict[str, Any]:
        shares = {word: 0.5, "Other": 0.25} if self.top != "too likely" else {word: 0.9, "Z": 0.9}
        if self.top == "without":
            shares = {"Other": 0.25}
        listed = [{"token": name, "logprob": math.log(share)} for name, share in shares.items()]
        return {"token": word, "logprob": math.log(0.5), "top_logprobs": listed}

    def _completed(self, body: dict[str, Any]) -> Reply:
        echo, count = bool(body.get("echo")), body.get("logprobs")
        if echo and self.echo == "refused":
            return 400, {}, {"error": {"message": "echo is not supported"}}
        ids = self.tokenizer(body["prompt"])["input_ids"]
        if len(ids) > self.context:
            said = f"maximum context length is {self.context} tokens, you sent {len(ids)}"
            return 400, {}, {"error": {"message": said}}
        made, ended = self._generated(ids, body)
        text = self.tokenizer.decode(made)
        for stop in body.get("stop") or []:
            text = text.split(stop)[0]
        answer: dict[str, Any] = {
            "text": (body["prompt"] if echo else "") + text,
            "finish_reason": "stop" if ended else "length",
        }
        if count is not None and not (echo and self.echo == "none"):
            shown = ids + made if echo and self.echo != "ignored" else made
            first = 0 if echo and self.echo != "ignored" else len(ids)
            answer["logprobs"] = self._listed(ids + made, first, count, echo)
            assert len(answer["logprobs"]["tokens"]) == len(shown) + bool(self.begins_with) * echo
        usage = {"prompt_tokens": len(ids) + bool(self.begins_with), "completion_tokens": len(made)}
        return 200, {}, {"model": self.named, "choices": [answer], "usage": usage}

    @torch.inference_mode()
    def _predicted(self, ids: list[int]) -> Any:
        logits = self.model(torch.tensor([ids]), use_cache=False).logits[0].double()
        return torch.log_softmax(logits, -1)

    def _generated(self, ids: list[int], body: dict[str, Any]) -> tuple[list[int], bool]:
        made: list[int] = []
        while len(made) < body["max_tokens"]:
            made.append(int(self._predicted(ids + made)[-1].argmax()))
            text = self.tokenizer.decode(made)
            if any(stop in text for stop in body.get("stop") or []):
                return made, True
        return made, False

    def _listed(self, ids: list[int], first: int, count: int, echo: bool) -> dict[str, Any]:
        rows = self._predicted(ids)
        names = [self.tokenizer.decode([one]) for one in ids]
        values: list[float | None] = []
        tops: list[dict[str, float] | None] = []
        for at in range(first, len(ids)):
            row = rows[at] if echo and self.echo == "late" else rows[at - 1]
            if at == 0:
                values.append(None)
                tops.append(None)
                continue
            best = row.topk(min(count, len(row)))
            # Of tokens that are written alike, the likeliest is kept.
            pairs = list(zip(best.indices.tolist(), best.values.tolist(), strict=True))
            top = {self.tokenizer.decode([one]): value for one, value in reversed(pairs)}
            value = float(row[ids[at]])
            values.append(value)
            tops.append(top | {names[at]: value})
        if echo and self.echo in ("before", "after"):
            values = [*values[1:], None] if self.echo == "before" else [None, *values[:-1]]
        if echo and self.echo == "noise":
            values = [None if one is None else 1.3 * one - 1 for one in values]
        if echo and self.cached:
            values = self._from_cache(ids, values)
        names, offsets, place = names[first:], [], 0
        if echo and self.begins_with:
            names, values, tops = [self.begins_with, *names], [None, *values], [None, *tops]
        for name in names:
            offsets.append(place)
            place += len(name)
        return {
            "tokens": names,
            "text_offset": offsets,
            "token_logprobs": values,
            "top_logprobs": tops,
        }

    def _from_cache(self, ids: list[int], values: list[float | None]) -> list[float | None]:
        alike = [[a == b for a, b in zip(ids, one, strict=False)] for one in self._seen]
        known = max((one.index(False) if False in one else len(one) for one in alike), default=0)
        self._seen.append(ids)
        if known < 8 or len(self.asked) < self.cached_from:
            return values
        wrong = [None if one is None else one + self.cached for one in values[:known]]
        return [*wrong, *values[known:]]


@contextmanager
def served(server: Server) -> Iterator[Server]:
    """The server, answering below its ``url`` until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.answer(None)

        def do_POST(self) -> None:
            self.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def answer(self, body: dict[str, Any] | None) -> None:
            status, headers, content = server.reply(self.path, body, self.headers["Authorization"])
            self.close_connection = True
            if status == 0:
                return
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            try:
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(data))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)
            except OSError:
                pass  # whoever asked did not wait for the answer

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True).start()
    server.url = f"http://127.0.0.1:{listening.server_port}/v1"
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()
