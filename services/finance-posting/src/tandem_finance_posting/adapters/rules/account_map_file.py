"""The shipped account map, from its YAML file."""

from __future__ import annotations

from functools import cache
from importlib import resources

import yaml

from tandem_finance_posting.domain.account_map import ACCOUNT, AccountMap, MapEntry
from tandem_finance_posting.domain.export_batch_family import ExportFamily, ExportLevel

DEFAULT = "retail_default.yaml"
SHIPPED_VERSION = 0


@cache
def default_account_map() -> AccountMap:
    """Version 0, in force for a tenant that has approved none of its own."""
    source = resources.files("tandem_finance_posting.account_maps").joinpath(DEFAULT)
    data = yaml.safe_load(source.read_text(encoding="utf-8"))
    entries = [
        MapEntry(role, {ACCOUNT: account})
        for family in data["families"]
        for role, account in family["accounts"].items()
    ]
    families = [
        ExportFamily(
            family["name"],
            tuple(family["accounts"]),
            ExportLevel(family["level"]),
            tuple(family.get("dimensions", ())),
        )
        for family in data["families"]
    ]
    return AccountMap.checked(SHIPPED_VERSION, entries, families)
