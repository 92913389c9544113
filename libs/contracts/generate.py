"""Builds the Python stubs and the descriptor image from ``proto/``, without a network.

Third-party protos come from installed wheels: google/api and google/rpc as .proto files of
googleapis-common-protos, buf/validate as the serialized descriptor inside protovalidate.
Usage: ``generate.py`` for all, ``generate.py --image-only PROTO_ROOT IMAGE`` for one image.
"""

from __future__ import annotations

import ast
import shutil
import sys
import tempfile
from pathlib import Path

import google.api
import grpc_tools
import protovalidate
from google.protobuf import descriptor_pb2, duration_pb2, field_mask_pb2, timestamp_pb2
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parents[2]
OUT = Path(__file__).with_name("src")
IMAGE = OUT / "tandem_contracts" / "image.binpb"
GENERATED = ("tandem", "buf")


def validate_descriptor() -> bytes:
    """The serialized buf/validate/validate.proto that the installed protovalidate carries."""
    source = Path(protovalidate.__file__).parent / "_gen/buf/validate/validate_pb.py"
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "file_desc":
            data = ast.literal_eval(node.args[0])
            if isinstance(data, bytes):
                return data
    raise SystemExit("protovalidate no longer carries its descriptor where generate.py looks")


def write_third_party(path: Path) -> None:
    """A descriptor set with buf/validate and the google files it imports."""
    files = descriptor_pb2.FileDescriptorSet()
    for module in (descriptor_pb2, duration_pb2, timestamp_pb2, field_mask_pb2):
        module.DESCRIPTOR.CopyToProto(files.file.add())  # type: ignore[no-untyped-call]
    files.file.add().ParseFromString(validate_descriptor())
    path.write_bytes(files.SerializeToString())


def run_protoc(*arguments: str) -> None:
    """Runs protoc in this process; exits with its code on failure."""
    if code := protoc.main(["protoc", *arguments]):
        raise SystemExit(code)


def plugin(name: str) -> str:
    """The protoc argument naming a plugin of this environment, whether or not it is on PATH."""
    return f"--plugin=protoc-gen-{name}={Path(sys.executable).with_name(f'protoc-gen-{name}')}"


def build_image(proto: Path, image: Path) -> None:
    """Writes the descriptor image (imports, comments) of one proto root."""
    common = Path(next(iter(google.api.__path__))).parents[1]
    builtin = Path(grpc_tools.__file__).parent / "_proto"
    files = [str(path.relative_to(proto)) for path in sorted(proto.rglob("*.proto"))]
    image.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        third_party = Path(folder) / "third_party.binpb"
        write_third_party(third_party)
        run_protoc(
            f"--descriptor_set_in={third_party}",
            *(f"-I{root}" for root in (proto, common, builtin)),
            f"--descriptor_set_out={image}",
            "--include_imports",
            "--include_source_info",
            *files,
        )


def build_stubs(image: Path, out: Path) -> None:
    """Writes typed Python stubs of all tandem and buf files of the image.

    Generated beside the old ones and swapped in, so a failing run never leaves half a package.
    """
    files = descriptor_pb2.FileDescriptorSet.FromString(image.read_bytes()).file
    names = [f.name for f in files if f.name.startswith(GENERATED)]
    services = [f.name for f in files if f.name.startswith("tandem/") and f.service]
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        run_protoc(
            f"--descriptor_set_in={image}",
            plugin("mypy"),
            f"--python_out={folder}",
            f"--mypy_out=quiet:{folder}",
            *names,
        )
        if services:
            run_protoc(
                f"--descriptor_set_in={image}",
                plugin("mypy_grpc"),
                f"--grpc_python_out={folder}",
                f"--mypy_grpc_out=quiet:{folder}",
                *services,
            )
        swap_in(Path(folder), out)


def swap_in(fresh: Path, out: Path) -> None:
    """Replaces the generated packages under ``out`` by those under ``fresh``."""
    for package in GENERATED:
        shutil.rmtree(out / package, ignore_errors=True)
        if (fresh / package).exists():
            shutil.move(fresh / package, out / package)
            for folder in [out / package, *(out / package).rglob("*/")]:
                (folder / "__init__.py").touch()
            (out / package / "py.typed").touch()


def main(arguments: list[str]) -> None:
    """Entry of ``make contracts`` and of the breaking check."""
    if arguments[:1] == ["--image-only"]:
        build_image(Path(arguments[1]), Path(arguments[2]))
        return
    build_image(ROOT / "proto", IMAGE)
    build_stubs(IMAGE, OUT)


if __name__ == "__main__":
    main(sys.argv[1:])
