"""The routes of all public rpcs, read from the contracts at start."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from google.api import annotations_pb2, http_pb2
from tandem_platform.method_table import RpcMethod, rpc_methods

from tandem_gateway.entrypoints.rest.path_template import PathTemplate, compile_template

# Which service answers for an area of the contracts.
SERVICE_OF_AREA = {
    "inventory": "inventory-availability",
    "order": "order-orchestrator",
    "finance": "finance-posting",
    "reconciliation": "reconciliation",
    "connector": "connectors",
    "gateway": "gateway",
}


class RoutesCollide(ValueError):
    """Two rpcs ask for the same method and path, or an area has no service; found at start."""


@dataclass(frozen=True)
class HttpRoute:
    """One HTTP binding of an rpc. ``body`` is ``*``, a field name, or empty for none."""

    verb: str
    template: PathTemplate
    body: str
    rpc: RpcMethod
    service: str


@dataclass(frozen=True)
class RouteMatch:
    """A route found for a request, with the fields its path binds."""

    route: HttpRoute
    path_fields: dict[str, str]


class RouteTable:
    """Finds the route of a request among those with the same number of segments."""

    def __init__(self, routes: Iterable[HttpRoute]) -> None:
        self.routes = tuple(routes)
        self._by_segments: dict[int, list[HttpRoute]] = defaultdict(list)
        for route in self.routes:
            self._by_segments[route.template.text.count("/")].append(route)
        for candidates in self._by_segments.values():
            # `/{id}:cancel` before `/{id}`, and literals before variables: the special one wins.
            candidates.sort(key=lambda r: (not r.template.has_verb, len(r.template.fields)))

    def find(self, verb: str, raw_path: str) -> RouteMatch | None:
        """The route of this method and path; None when there is none."""
        for route in self._by_segments.get(raw_path.count("/"), ()):
            if route.verb == verb and (fields := route.template.match(raw_path)) is not None:
                return RouteMatch(route, fields)
        return None

    def allowed_verbs(self, raw_path: str) -> list[str]:
        """The methods this path takes; empty for a path nobody offers."""
        candidates = self._by_segments.get(raw_path.count("/"), ())
        return sorted({r.verb for r in candidates if r.template.match(raw_path) is not None})


def public_routes() -> list[HttpRoute]:
    """Every HTTP binding of every public rpc. Raises RoutesCollide."""
    routes: list[HttpRoute] = []
    taken: dict[tuple[str, str], str] = {}
    for rpc in rpc_methods().values():
        if not rpc.public or not rpc.options.HasExtension(annotations_pb2.http):
            continue
        for route in _bindings(rpc):
            key = (route.verb, route.template.pattern.pattern)
            if key in taken:
                raise RoutesCollide(f"{rpc.name} and {taken[key]} are both {key}")
            taken[key] = rpc.name
            routes.append(route)
    return routes


def _bindings(rpc: RpcMethod) -> list[HttpRoute]:
    if rpc.area not in SERVICE_OF_AREA:
        raise RoutesCollide(f"no service answers for the area of {rpc.name}")
    rule = rpc.options.Extensions[annotations_pb2.http]
    return [_binding(rpc, each) for each in (rule, *rule.additional_bindings)]


def _binding(rpc: RpcMethod, rule: http_pb2.HttpRule) -> HttpRoute:
    kind = rule.WhichOneof("pattern") or ""
    verb, path = (
        (rule.custom.kind, rule.custom.path)
        if kind == "custom"
        else (kind.upper(), str(getattr(rule, kind)))
    )
    return HttpRoute(verb, compile_template(path), rule.body, rpc, SERVICE_OF_AREA[rpc.area])
