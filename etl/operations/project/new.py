"""The command `new`: a folder with everything that a project has of its own."""

from __future__ import annotations

import shutil
from pathlib import Path
from string import Template

from etl import __version__
from etl.errors import ConfigurationError
from etl.operations.project.scheduling import scheduling_files
from etl.operations.project.settings_file import settings_file
from etl.settings.packaged import packaged

FEED = "greenhouse"
"""The feed of the example contract."""
SAMPLE = f"samples/{FEED}.csv"
_TEMPLATE = Path(__file__).resolve().with_name("template")


def new_project(folder: Path, *, python: str, user: str) -> list[str]:
    """Write a project into a folder that is empty or does not exist; returns its top-level entries.

    :param python: the absolute path of the Python that has the package, for the examples of schedulers.
    :param user: the account under which systemd runs the cycles.
    :raises ConfigurationError: the folder has entries, or cannot be written.
    """
    folder = folder.absolute()
    try:
        if folder.is_dir() and any(folder.iterdir()):
            raise ConfigurationError(
                f"{folder} is not empty.",
                remedy="Name a folder that is empty or does not exist yet; nothing was written.",
            )
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder, python, user)
    except OSError as error:
        raise ConfigurationError(
            f"The project cannot be written: {error.filename}: {error.strerror}.",
            remedy="Name another folder, in which you may write.",
        ) from None
    return sorted(f"{path.name}/" if path.is_dir() else path.name for path in folder.iterdir())


def _write(folder: Path, python: str, user: str) -> None:
    # cron writes its log into output/ before the first cycle.
    for name in ("contracts", "samples", "notebooks", "scheduling", "output"):
        (folder / name).mkdir()
    copied = [*_TEMPLATE.glob("contracts/*"), *_TEMPLATE.glob("samples/*"), *packaged("notebooks").glob("*.ipynb")]
    for file in copied:
        # Without its rights: an installed file may be read-only.
        shutil.copyfile(file, folder / file.parent.name / file.name)
    readme = Template((_TEMPLATE / "readme.md").read_text("utf-8"))
    texts = {
        ".env": settings_file(),
        ".gitignore": (_TEMPLATE / "gitignore.txt").read_text("utf-8"),
        "README.md": readme.substitute(name=folder.name, version=__version__, folder=folder),
        "requirements.txt": _requirements(),
    } | {f"scheduling/{name}": text for name, text in scheduling_files(folder, python, user, FEED).items()}
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")
    (folder / ".env").chmod(0o600)


def _requirements() -> str:
    return (
        f"# With JupyterLab: notebook-etl[lab]=={__version__}\n"
        "# If you have the wheel as a file: pip install --find-links FOLDER_OF_THE_WHEEL -r requirements.txt\n"
        f"notebook-etl=={__version__}\n"
    )
