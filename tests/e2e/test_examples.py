"""What the README, the tutorial and the examples show is what happens, on a stack of all services."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from guerdon_cli.stack import SERVICES, Stack

ROOT = Path(__file__).resolve().parents[2]
PROMPTS = (
    "tutorials/first-points.md",
    "tutorials/join-a-coalition.md",
    "tutorials/thank-a-colleague.md",
    "howto/call-from-python.md",
    "howto/import-purchases.md",
    "howto/keep-members.md",
    "howto/post-together.md",
    "howto/freeze-an-account.md",
    "howto/limit-a-budget.md",
    "howto/adjust-with-a-second-person.md",
    "howto/redeem-vouchers-at-a-till.md",
    "howto/set-up-a-catalog.md",
    "howto/set-up-earning-rules.md",
    "howto/hold-suspicious-awards.md",
    "howto/connect-scim.md",
    "howto/part-with-leavers.md",
    "howto/run-a-coffee-shop.md",
    "howto/run-a-department-store.md",
    "howto/reward-activities.md",
    "howto/reward-referrals.md",
    "howto/send-personal-offers.md",
    "howto/sell-a-membership.md",
    "howto/run-the-monthly-budget.md",
    "howto/set-up-awards.md",
    "explanation/rate-books.md",
)


@pytest.fixture
def environment(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment that the documentation has its reader make."""
    monkeypatch.setenv("GUERDON_TOKEN", stack.identity.token())
    monkeypatch.setenv("GUERDON_SECOND_TOKEN", stack.identity.token("controller"))
    return dict(os.environ)


def _blocks(page: str, *languages: str) -> list[tuple[str, str]]:
    """The page's (language, text) blocks of code, in their order."""
    found = re.findall(r"^```(\w+)\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
    return [(language, text) for language, text in found if language in languages]


def _here(text: str, stack: Stack) -> str:
    """The text with the addresses of this stack, where it has those that `make up` prints."""
    for kind in SERVICES:
        text = text.replace(f"127.0.0.1:{kind.port}", stack.targets[kind.name])
        for setting, port in kind.listens.items():
            text = text.replace(f"127.0.0.1:{port}", stack.listens[kind.name][setting])
    return text


def _exported(page: str, names: dict[str, object]) -> dict[str, str]:
    """The variables of which the page says "as `print(NAME)` shows it in `VARIABLE`"."""
    said = re.findall(r"as `print\(([\w.]+)\)` shows\s+it\s+in\s+`(\w+)`", (ROOT / "docs" / page).read_text())
    return {variable: str(eval(expression, names)) for expression, variable in said}


def _run(line: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(line, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _shell(text: str, stack: Stack, environment: dict[str, str]) -> str:
    here = _here(text, stack).replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    return _run(["bash", "-c", here], environment)


def test_the_readmes_example_call_and_curl_answer_what_it_says(stack: Stack, environment: dict[str, str]) -> None:
    target = stack.targets["ledger"]
    [(_, shown)] = _blocks("README.md", "text")
    said = _run([sys.executable, "examples/earn_and_spend.py", target], environment)
    account, *lines = said.splitlines()
    printed, *expected = shown.splitlines()
    assert lines == expected

    environment["ACCOUNT"] = account
    [(_, script)] = _blocks("README.md", "python")
    said = _run([sys.executable, "-c", _here(script, stack)], environment)
    assert said == "30 points to spend\n"

    [curl] = [text for _, text in _blocks("README.md", "sh") if "buf curl" in text]
    [(_, answer)] = _blocks("README.md", "json")
    said = _shell(curl, stack, environment)
    assert json.loads(said) == json.loads(answer.replace(printed, account))

    said = _run([sys.executable, "examples/read_balance.py", target, account], environment)
    assert said == f"{account}: 30 to spend, 0 set aside, 0 to come\n"


@pytest.mark.parametrize("page", PROMPTS)
async def test_what_is_typed_at_the_prompt_prints_what_the_page_says(
    stack: Stack, environment: dict[str, str], page: str
) -> None:
    assert environment["GUERDON_TOKEN"]
    names: dict[str, object] = {}
    printed = ""
    for language, text in _blocks(f"docs/{page}", "python", "text", "sh", "json"):
        if language == "text":
            assert printed == text
            continue
        if language == "json":
            assert json.loads(printed) == json.loads(text)
            continue
        if language == "sh":
            if "buf curl" in text:
                printed = await asyncio.to_thread(_shell, text, stack, environment | _exported(page, names))
            continue
        code = compile(_here(text, stack), page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        with contextlib.redirect_stdout(io.StringIO()) as out:
            result = eval(code, names)
            if inspect.isawaitable(result):
                await asyncio.wait_for(asyncio.ensure_future(result), timeout=30)
        printed = out.getvalue()


def test_every_link_of_the_documentation_leads_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "deploy" / "README.md", *(ROOT / "docs").rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.relative_to(ROOT)}: {target}"
