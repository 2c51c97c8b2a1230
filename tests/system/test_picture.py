"""README's picture shows what the program shows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.system.picture import PICTURE


def test_the_picture_in_readme_is_true(tmp_path: Path) -> None:
    fresh = tmp_path / "plan.svg"
    subprocess.run(
        [sys.executable, "-m", "tests.system.picture", str(fresh)], cwd=PICTURE.parents[1], check=True, timeout=120
    )
    assert fresh.read_text(encoding="utf-8") == PICTURE.read_text(encoding="utf-8"), (
        "draw it anew: python -m tests.system.picture"
    )
