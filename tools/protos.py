"""From protos/ to the committed stubs of the SDK, and to the images that `buf` reads.

    python tools/protos.py generate         write libs/sdk/guerdon/**/*_pb2*.py[i]
    python tools/protos.py check            say which of them regenerating would change
    python tools/protos.py image FILE       one FileDescriptorSet with imports and source info

Stubs come from an old toolchain in an environment of its own (requirements/protos.lock), so that the SDK's
floors for grpcio and protobuf stay low. Images come from the protoc of the development environment, which has
wheels for every supported Python.
"""

import argparse
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
SDK = ROOT / "libs" / "sdk"
TOOLCHAIN = ROOT / ".venv-protos"
NEWEST_TOOLCHAIN_PYTHON = (3, 11)  # the last with wheels of grpcio-tools 1.49.1
GENERATED = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py", "*_pb2_grpc.pyi", "*/__init__.py")


class ToolchainUnavailableError(Exception):
    """No Python here that the toolchain has wheels for."""


def main() -> int:
    """Return 0 when done or in agreement, 1 otherwise."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("generate")
    commands.add_parser("check")
    commands.add_parser("image").add_argument("file", type=Path)
    arguments = parser.parse_args()
    try:
        match arguments.command:
            case "generate":
                return generate()
            case "check":
                return check()
            case _:
                return image(arguments.file)
    except subprocess.CalledProcessError as error:
        return error.returncode or 1


def generate() -> int:
    """Bring the committed stubs into agreement with protos/; what agrees already is not touched."""
    try:
        python = _toolchain()
    except ToolchainUnavailableError as reason:
        print(f"error: {reason}", file=sys.stderr)
        return 1
    with (TOOLCHAIN / ".generate").open("w") as lock, tempfile.TemporaryDirectory() as scratch:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fresh = _stubs(python, Path(scratch))
        changed, stale = _differences(fresh)
        for name in changed:
            _replace(SDK / name, fresh[name])
        for name in stale:
            (SDK / name).unlink()
    print(f"stubs: {len(fresh)} files, {len(changed)} written, {len(stale)} removed")
    return 0


def check() -> int:
    """Fail when regenerating would change a stub; pass, saying so, where the toolchain cannot run."""
    try:
        python = _toolchain()
    except ToolchainUnavailableError as reason:
        print(f"generated code: NOT CHECKED: {reason}")
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        fresh = _stubs(python, Path(scratch))
    changed, stale = _differences(fresh)
    for name in changed:
        print(f"generated code: {SDK.relative_to(ROOT) / name} is not what protos/ says")
    for name in stale:
        print(f"generated code: {SDK.relative_to(ROOT) / name} has no proto")
    if changed or stale:
        print("generated code: run `make protos` and commit the result", file=sys.stderr)
        return 1
    return 0


def image(file: Path) -> int:
    """Write what `buf lint` and `buf breaking` compare: every proto with its imports and source info."""
    options = ["--include_imports", "--include_source_info", f"--descriptor_set_out={file}"]
    subprocess.run(_protoc(Path(sys.executable), options), check=True)
    return 0


def _toolchain() -> Path:
    """Return the toolchain's Python, made on first use."""
    base = _toolchain_base()
    command: list[str | Path] = [base, ROOT / "tools" / "environment.py", TOOLCHAIN]
    if subprocess.run([*command, ROOT / "requirements" / "protos.lock", "--wheels-only"], check=False).returncode:
        raise ToolchainUnavailableError(f"the toolchain of the stubs has no wheel for this platform and {base}")
    return TOOLCHAIN / "bin" / "python"


def _toolchain_base() -> str:
    if sys.version_info[:2] <= NEWEST_TOOLCHAIN_PYTHON:
        return sys.executable
    major, newest = NEWEST_TOOLCHAIN_PYTHON
    for name in (f"python{major}.{minor}" for minor in (newest, newest - 1)):
        found = shutil.which(name)
        # A version manager's shim exists for versions that are not active: ask it to run.
        if found and subprocess.run([found, "-c", ""], check=False, capture_output=True).returncode == 0:
            return found
    running = ".".join(map(str, sys.version_info[:2]))
    raise ToolchainUnavailableError(
        f"the toolchain of the stubs has no wheel for Python {running}, and no python{major}.{newest} is on the PATH"
    )


def _protoc(python: Path, options: list[str]) -> list[str]:
    """Return a protoc command over all our protos; Google's come from the wheel in the same environment."""
    locate = "import google.api, pathlib; print(pathlib.Path(list(google.api.__path__)[0]).parents[1])"
    google = subprocess.run([python, "-c", locate], check=True, capture_output=True, text=True).stdout.strip()
    names = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.glob("guerdon/**/*.proto"))
    silent = ["-W", "ignore"]  # grpc_tools warns of its own use of pkg_resources
    return [str(python), *silent, "-m", "grpc_tools.protoc", f"-I{PROTOS}", f"-I{google}", *options, *names]


def _stubs(python: Path, out: Path) -> dict[str, bytes]:
    """Return every generated file by its path inside the SDK, package markers included."""
    options = ["--python_out", "--grpc_python_out", "--mypy_out", "--mypy_grpc_out"]
    quiet = {"--mypy_out", "--mypy_grpc_out"}
    options = [f"{option}={'quiet:' if option in quiet else ''}{out}" for option in options]
    path = f"{python.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    subprocess.run(_protoc(python, options), check=True, env={**os.environ, "PATH": path})
    files = {}
    for file in sorted(out.rglob("*_pb2*")):
        service_free = file.stem.endswith("_pb2_grpc") and b"Stub" not in file.read_bytes()
        if not service_free:
            files[str(file.relative_to(out))] = file.read_bytes()
    packages = {parent for name in files for parent in Path(name).parents if len(parent.parts) > 1}
    for package in sorted(packages):
        dotted = ".".join(package.parts)
        files[str(package / "__init__.py")] = f'"""Generated stubs of `{dotted}`."""\n'.encode()
    return files


def _differences(fresh: dict[str, bytes]) -> tuple[list[str], list[str]]:
    """Return (files that are missing or differ, committed stubs that no proto stands behind)."""
    changed = [name for name, text in fresh.items() if not _same(SDK / name, text)]
    committed = (file for pattern in GENERATED for file in (SDK / "guerdon").rglob(pattern))
    return changed, sorted({str(file.relative_to(SDK)) for file in committed} - fresh.keys())


def _same(file: Path, text: bytes) -> bool:
    return file.exists() and file.read_bytes() == text


def _replace(file: Path, text: bytes) -> None:
    """Write so that a reader, or another run, sees the old file or the new one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.new")
    fresh.write_bytes(text)
    fresh.replace(file)


if __name__ == "__main__":
    sys.exit(main())
