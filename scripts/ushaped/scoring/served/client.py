"""A client of an OpenAI-compatible server that retries requests and never shows its key.

Requests that may succeed later (no connection, no answer in time, an answer that breaks off, status
408, 409, 429 and 5xx) are sent again, after the time that the server asks for or else after an
exponentially growing random pause. The pause is shared: no thread sends anything meanwhile.
"""

from __future__ import annotations

import email.utils
import http.client
import json
import os
import random
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from email.message import Message
from typing import Any

from ushaped.errors import UserError
from ushaped.files import digest

Json = dict[str, Any]

LATER = {408, 409, 425, 429, 500, 502, 503, 504}
# Seconds of the first pause, and of the longest where the server asks for none.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
# A server that asks for more than this many seconds is not waited for.
PATIENCE = 600.0
# Units of durations such as 6m0s or 20ms, as rate-limit headers give them.
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
TOO_LONG = re.compile(
    "context.?(length|size|window)|max_model_len|maximum.*tokens|too long|too large", re.I
)
# Keys of a server's description that identify a model; others change by the hour.
IDENTIFYING = ("id", "root", "parent", "owned_by", "max_model_len", "meta")


class RefusedError(UserError):
    """The server refused a request."""


class TooLongError(Exception):
    """A text does not fit into the context of the served model."""


@dataclass(frozen=True)
class Endpoint:
    """Where a model is served, and how to send requests.

    ``url`` includes ``/v1``; ``model`` is the name on the server; ``key_variable`` names the
    environment variable with the key; at most ``concurrency`` requests are under way at once; one
    is given up after ``timeout`` seconds without an answer, and sent again ``retries`` times.
    ``api`` is ``completions`` or ``chat``; of a chat endpoint, ``limit_parameter`` is the key of a
    request that limits its answer, ``omit`` are keys that are never sent, and ``context`` is the
    number of tokens that prompt and answer may have, if it is known.
    """

    url: str
    model: str
    key_variable: str | None = None
    concurrency: int = 4
    timeout: float = 120.0
    retries: int = 6
    api: str = "completions"
    limit_parameter: str = "max_tokens"
    omit: Sequence[str] = ()
    context: int | None = None

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Endpoint:
        """The endpoint of a registry entry."""
        optional = [field.name for field in fields(cls)][2:]
        options = {name: entry[name] for name in optional if name in entry}
        return cls(entry["endpoint"].rstrip("/"), entry["served_as"], **options)


@dataclass
class Usage:
    """What a server counts: requests that were answered, and their tokens.

    ``completion_tokens`` are those of thoughts too, which ``thinking_tokens`` counts where the
    server does.
    """

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    thinking_tokens: int = 0

    @classmethod
    def of(cls, answer: Json) -> Usage:
        """The usage of one answer; zeros where it says nothing.

        Some servers leave thoughts out of ``completion_tokens``, but not out of ``total_tokens``.
        """
        said = answer.get("usage") or {}
        prompt, written = (int(said.get(f"{k}_tokens") or 0) for k in ("prompt", "completion"))
        details = said.get("completion_tokens_details") or {}
        thinking = details.get("reasoning_tokens") or said.get("reasoning_tokens") or 0
        written = max(written, int(said.get("total_tokens") or 0) - prompt)
        return cls(1, prompt, written, int(thinking))

    def add(self, other: Usage) -> None:
        """Count another's too."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirection is an error: followed, it could carry the key to another host."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow none."""


class Client:
    """Sends requests to one server; may be used by several threads.

    ``log`` gets a line for each pause; ``usage`` is that of all answers of the model.

    Raises
    ------
    UserError
        If the key is not there.
    """

    def __init__(self, endpoint: Endpoint, log: Callable[[str], None]) -> None:
        self.endpoint, self.log, self.usage = endpoint, log, Usage()
        self._key = _key(endpoint)
        self._opener = urllib.request.build_opener(_NoRedirects)
        self._lock = threading.Lock()
        self._not_before = 0.0

    def identity(self) -> Json:
        """The server's description of the model and of itself, without what changes by the hour.

        Raises
        ------
        UserError
            If it gives no answer, or does not serve the model.
        """
        models = self._query("/models").get("data") or []
        by_name = {str(model.get("id")): model for model in models}
        if self.endpoint.model not in by_name:
            raise UserError(
                self.endpoint.url,
                f"serves no '{self.endpoint.model}'",
                f"set served_as to one of: {', '.join(sorted(by_name)) or '(it names none)'}",
            )
        model = {k: v for k, v in by_name[self.endpoint.model].items() if k in IDENTIFYING}
        return {"model": model, "engine": self._engine()}

    def fingerprint(self, identity: Json) -> str:
        """SHA-256 (hex) over where the model is served, its name there, and `identity`."""
        description = json.dumps(identity, sort_keys=True)
        return digest(self.endpoint.url, self.endpoint.model, description)

    def complete(self, prompt: str, **options: Any) -> Json:
        """Query ``/completions``, greedily unless the options say otherwise; return the answer.

        Raises
        ------
        TooLongError
            If the prompt does not fit.
        UserError
            If the server refuses, gives no answer, or answers with another model.
        """
        return self._model_answer("/completions", {"prompt": prompt, "temperature": 0} | options)

    def chat(self, messages: Sequence[Mapping[str, str]], **options: Any) -> Json:
        """Query ``/chat/completions``, greedily unless the options say otherwise.

        ``max_tokens`` is sent under the name that the endpoint knows; keys that it refuses are not
        sent.

        Raises
        ------
        TooLongError, UserError
            As `complete`.
        """
        body = {"messages": list(messages), "temperature": 0} | options
        if "max_tokens" in body:
            body[self.endpoint.limit_parameter] = body.pop("max_tokens")
        body = {name: value for name, value in body.items() if name not in self.endpoint.omit}
        return self._model_answer("/chat/completions", body)

    def _model_answer(self, path: str, body: Json) -> Json:
        answer = self._query(path, {"model": self.endpoint.model} | body)
        with self._lock:
            self.usage.add(Usage.of(answer))
        if answer.get("model") != self.endpoint.model:
            raise UserError(
                self.endpoint.url,
                f"was asked for '{self.endpoint.model}' and answered with '{answer.get('model')}'",
                "set served_as to the name of the model that is meant",
            )
        if not answer.get("choices"):
            raise RefusedError(self.endpoint.url, "answers without 'choices'", "look at its log")
        return answer

    def _engine(self) -> Json:
        """Version of the serving program, from the paths where the usual ones give it."""
        root = self.endpoint.url.removesuffix("/v1")
        version: Json = {}
        for path, keys in (
            ("/version", ("version",)),
            ("/props", ("build_info",)),
            ("/openapi.json", ("title", "version")),
        ):
            try:
                answer = self._query(path, root=root)
            except RefusedError:
                continue
            answer = answer.get("info", answer)
            version |= {f"{path[1:]} {key}": answer[key] for key in keys if key in answer}
        return version

    def _query(self, path: str, body: Json | None = None, root: str | None = None) -> Json:
        """Send a request until it is answered, or not worth sending again."""
        problem, pause = "", 0.0
        for attempt in range(self.endpoint.retries + 1):
            self._wait()
            try:
                return self._send((root or self.endpoint.url) + path, body)
            except urllib.error.HTTPError as error:
                with error:
                    problem = f"status {error.code}{self._reason(error)}"
                if error.code not in LATER:
                    raise self._refused(path, error.code, problem) from None
                requested = _requested_pause(error.headers)
            except (OSError, http.client.HTTPException, ValueError) as error:
                # Neither the request nor its headers are in the text of these.
                problem, requested = self._hidden(f"{type(error).__name__}: {error}"), None
            pause = _pause(requested, attempt)
            if pause > PATIENCE:
                break
            if attempt < self.endpoint.retries:
                self.log(f"{self.endpoint.url}: {problem}; trying again in {pause:.1f} s")
                self._hold(pause)
        raise UserError(
            self.endpoint.url,
            f"gives no answer ({problem})",
            f"it asks for {pause:.0f} s: run again later"
            if pause > PATIENCE
            else "look whether the server runs, and run again: what was scored is stored",
        )

    def _send(self, url: str, body: Json | None) -> Json:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, headers)
        with self._opener.open(request, timeout=self.endpoint.timeout) as answer:
            if pause := _spent(answer.headers):
                self._hold(min(pause, PATIENCE))
            content = json.loads(answer.read())
        if not isinstance(content, dict):
            raise ValueError("the answer is no JSON object")
        return content

    def _hold(self, seconds: float) -> None:
        """Let no thread send anything for this time."""
        with self._lock:
            self._not_before = max(self._not_before, time.monotonic() + seconds)

    def _wait(self) -> None:
        while (left := self._not_before - time.monotonic()) > 0:
            time.sleep(left)

    def _reason(self, error: urllib.error.HTTPError) -> str:
        """The reason in an error's body, shortened."""
        try:
            text = error.read(10000).decode(errors="replace")
        except (OSError, http.client.HTTPException):
            return ""
        try:
            body = json.loads(text)
            body = body.get("error", body)
            text = str(body.get("message", body) if isinstance(body, dict) else body)
        except (ValueError, AttributeError):
            pass
        # The key is hidden first, so that shortening leaves no half of it.
        text = " ".join(self._hidden(text).split())[:300]
        return f": {text}" if text else ""

    def _hidden(self, text: str) -> str:
        return text.replace(self._key, "(key)") if self._key else text

    def _refused(self, path: str, status: int, problem: str) -> Exception:
        if path.endswith("/completions") and status in (400, 413, 422) and TOO_LONG.search(problem):
            return TooLongError(problem)
        where = self.endpoint.url
        if status in (401, 403):
            variable = self.endpoint.key_variable
            do = f"check the key in {variable}" if variable else "name its key with key_variable"
            return RefusedError(where, f"refuses the request ({problem})", do)
        return RefusedError(
            where, f"refuses {path} ({problem})", "check endpoint and served_as in the registry"
        )


def _key(endpoint: Endpoint) -> str | None:
    name = endpoint.key_variable
    if name is None:
        return None
    key = os.environ.get(name, "").strip()
    where = f"environment variable {name}"
    if not key:
        raise UserError(where, f"is not set, but {endpoint.url} needs a key", f"export {name}=...")
    if not (key.isascii() and key.isprintable()):
        raise UserError(where, "holds something that is no key", "set it to the key alone")
    return key


def _pause(requested: float | None, attempt: int) -> float:
    """Seconds to wait: as requested and a little more, else exponential with full jitter.

    The little more keeps clients that were refused together from coming back together.
    """
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt)
    if requested is None:
        return random.uniform(0, longest)
    return requested + random.uniform(0, min(longest, 0.1 * requested))


def _requested_pause(headers: Message) -> float | None:
    """Seconds that a server asks for: ``Retry-After``, else the time until a limit's reset."""
    value = headers.get("Retry-After")
    if value is None:
        return _spent(headers)
    if (number := seconds(value)) is not None:
        return number
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _spent(headers: Message) -> float | None:
    """Seconds until a spent rate limit is reset; None if none is spent."""
    resets = [
        seconds(headers.get(f"x-ratelimit-reset-{kind}") or "")
        for kind in ("requests", "tokens")
        if headers.get(f"x-ratelimit-remaining-{kind}") == "0"
    ]
    return max((reset for reset in resets if reset is not None), default=None)


def seconds(text: str) -> float | None:
    """Seconds of a duration: a bare number, or numbers with units; None if it is neither.

    Examples
    --------
    >>> seconds("6m0s"), seconds("20ms"), seconds("1.5"), seconds("soon")
    (360.0, 0.02, 1.5, None)
    """
    text = text.strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * UNITS[unit] for number, unit in parts)
