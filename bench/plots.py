"""Bars as SVG, for docs/performance.md: readable on a light and a dark page, with nothing from outside."""

import math
from html import escape

_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#24292f}.v{font-variant-numeric:tabular-nums}"
    ".b{fill:#8c959f}.us{fill:#2da44e}.l{stroke:#57606a;stroke-dasharray:3 3}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.b{fill:#6e7681}.us{fill:#3fb950}"
    ".l{stroke:#8b949e}}")
_LEFT, _WIDTH, _ROW = 130, 440, 26


def bars(path, title, unit, ratios, best):
    """One bar for each server, on a logarithmic scale: the null relay is 1."""
    low = min(-1, math.floor(min(math.log10(v) for v in ratios.values())))
    high = max(1, math.ceil(max(math.log10(v) for v in ratios.values())))
    height = 64 + _ROW * len(ratios)

    def x(value):
        return _LEFT + _WIDTH * (math.log10(value) - low) / (high - low)

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 70} {height}" '
        f'role="img"><title>{escape(title)}</title><style>{_STYLE}</style>',
        f'<text x="8" y="20">{escape(title)}</text>',
        f'<text x="8" y="{height - 8}">{escape(unit)}, null relay = 1; '
        f'{"longer" if best == "high" else "shorter"} is better; logarithmic</text>']
    for row, (name, value) in enumerate(ratios.items()):
        top = 34 + _ROW * row
        start = x(10 ** low)
        kind = "us" if name == "TinyCoT" else "b"
        lines.append(f'<text x="8" y="{top + 14}">{escape(name)}</text>')
        lines.append(f'<rect class="{kind}" x="{start:.1f}" y="{top}" height="18" '
                     f'width="{max(x(value) - start, 1):.1f}" rx="2"/>')
        lines.append(f'<text class="v" x="{x(value) + 6:.1f}" y="{top + 14}">{value:.3g}</text>')
    lines.append(f'<line class="l" x1="{x(1):.1f}" x2="{x(1):.1f}" y1="30" y2="{height - 26}"/>')
    path.write_text("\n".join([*lines, "</svg>"]) + "\n")
