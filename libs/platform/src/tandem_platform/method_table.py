"""What the contracts declare about each rpc, read once from the descriptor image."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from buf.validate import validate_pb2
from google.api import annotations_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorSet, MethodDescriptorProto, MethodOptions
from tandem.options.v1 import error_pb2, event_pb2, field_pb2, rpc_pb2
from tandem_contracts import IMAGE_PATH

# Options are read as extensions only when their modules were loaded before the image is parsed.
OPTION_MODULES = (annotations_pb2, validate_pb2, error_pb2, event_pb2, field_pb2, rpc_pb2)
PACKAGE_PREFIX = "tandem."


@dataclass(frozen=True)
class RpcMethod:
    """One rpc: ``name`` is ``pkg.Service/Method``, ``rate_class`` is ``COMMAND`` and the like."""

    name: str
    area: str
    input_type: str
    output_type: str
    scopes: tuple[str, ...]
    rate_class: str
    public: bool
    mutates: bool
    default_deadline_ms: int
    options: MethodOptions
    client_streaming: bool = False
    server_streaming: bool = False

    @property
    def streams(self) -> bool:
        """True when either side sends any number of messages."""
        return self.client_streaming or self.server_streaming

    @property
    def path(self) -> str:
        """Path on the wire."""
        return f"/{self.name}"


@cache
def contract_image() -> FileDescriptorSet:
    """The descriptor image with Tandem's and Google's options readable."""
    return FileDescriptorSet.FromString(IMAGE_PATH.read_bytes())


@cache
def rpc_methods() -> dict[str, RpcMethod]:
    """Every rpc of the contracts by wire path."""
    found = {}
    for file in contract_image().file:
        if not file.package.startswith(PACKAGE_PREFIX):
            continue
        for service in file.service:
            for method in service.method:
                rpc = _read(file.package, service.name, method)
                found[rpc.path] = rpc
    return found


def _read(package: str, service: str, method: MethodDescriptorProto) -> RpcMethod:
    declared = method.options.Extensions[rpc_pb2.rpc]
    return RpcMethod(
        name=f"{package}.{service}/{method.name}",
        area=package.split(".")[1],
        input_type=method.input_type.removeprefix("."),
        output_type=method.output_type.removeprefix("."),
        scopes=tuple(declared.scopes),
        rate_class=rpc_pb2.RateClass.Name(declared.rate_class).removeprefix("RATE_CLASS_"),
        public=declared.public,
        mutates=method.options.idempotency_level != MethodOptions.NO_SIDE_EFFECTS,
        default_deadline_ms=declared.default_deadline_ms,
        options=method.options,
        client_streaming=method.client_streaming,
        server_streaming=method.server_streaming,
    )
