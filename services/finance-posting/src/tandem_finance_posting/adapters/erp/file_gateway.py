"""Hands documents over as files and reads the acknowledgements laid beside them."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

from tandem_finance_posting.domain.export_batch_answer import Absent, ErpAnswer, NotDone
from tandem_finance_posting.domain.export_batch_lines import ErpDocument
from tandem_finance_posting.domain.export_format import journal_file, read_answer

ANSWER_BYTES_MAX = 1_000_000
WAIT_MS = 5_000


class FileGateway:
    """``<name>.csv`` goes out, ``<name>.ack.csv`` comes back, both in one folder.

    A file is written under another name first: a reader that looks at the wrong moment must not
    take half of a document for the whole.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def post(self, document: ErpDocument) -> ErpAnswer:
        """Writes the file; the same document writes the same file."""
        return await asyncio.to_thread(self._post, document)

    async def find(self, document: ErpDocument) -> ErpAnswer:
        """What the acknowledgement says; Absent when the file was never written."""
        return await asyncio.to_thread(self._find, document)

    def _post(self, document: ErpDocument) -> ErpAnswer:
        path = self._path(document)
        part = path.with_suffix(".part")
        try:
            with part.open("w", encoding="utf-8", newline="") as out:
                out.write(journal_file(document))
                out.flush()
                os.fsync(out.fileno())
            part.rename(path)
        except OSError as error:
            return NotDone(type(error).__name__, str(error)[:200], WAIT_MS)
        return self._find(document)

    def _find(self, document: ErpDocument) -> ErpAnswer:
        path = self._path(document)
        answer = path.with_suffix(".ack.csv")
        try:
            if not path.exists():
                return Absent()
            text = ""
            if answer.exists():
                with answer.open(encoding="utf-8", errors="replace") as source:
                    text = source.read(ANSWER_BYTES_MAX)
        except OSError as error:
            return NotDone(type(error).__name__, str(error)[:200], WAIT_MS)
        return read_answer(text, document)

    def _path(self, document: ErpDocument) -> Path:
        name = re.sub(r"[^A-Za-z0-9._-]", "_", document.external_id)
        return self._folder / f"{name}.csv"
