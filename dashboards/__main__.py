"""Write the dashboards: `python -m dashboards`."""

from __future__ import annotations

from dashboards.files import FOLDER, contents

if __name__ == "__main__":
    for name, text in contents().items():
        (FOLDER / name).write_text(text)
