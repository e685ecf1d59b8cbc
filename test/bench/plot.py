"""A bar chart of CPU per request relative to nutcracker, as SVG and without a library."""
from bench.measure import median, ratios
from bench.shapes import NUTCRACKER

COLOURS = {"lonc": "#1f6f8b", "nutcracker-1": "#999999", "nutcracker-10": "#c2c2c2", "haproxy": "#d98c4a"}
LEFT, BAR, GAP, WIDTH, SCALE = 190, 14, 16, 760, 150


def plot(shapes):
    rows = [(kept, clients) for kept in (0, 1) for clients in (16, 64, 256)]
    height = 60 + len(rows) * (BAR * len(COLOURS) + GAP)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
             'font-family="sans-serif" font-size="12">', '<rect width="100%" height="100%" fill="white"/>',
             '<text x="10" y="20" font-size="14">CPU per request, nutcracker with one server connection = 1</text>']
    y = 40
    for kept, clients in rows:
        shape = (kept, clients, 32)
        title = f"{'kept open' if kept else 'a connection each'}, {clients}"
        parts.append(f'<text x="10" y="{y + 2 * BAR}">{title} clients</text>')
        base = shapes.values(shape, NUTCRACKER, "cpu")
        for name, colour in COLOURS.items():
            value = median(ratios(shapes.values(shape, name, "cpu"), base))
            width = min(value * SCALE, WIDTH - LEFT - 130)
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR - 2}" fill="{colour}"/>')
            parts.append(f'<text x="{LEFT + width + 6:.1f}" y="{y + BAR - 3}" font-size="11">{name} {value:.2f}</text>')
            y += BAR
        y += GAP
    x = LEFT + SCALE
    parts.append(f'<line x1="{x}" y1="30" x2="{x}" y2="{height - 20}" stroke="black" stroke-dasharray="3 3"/>')
    return "\n".join(parts + ["</svg>"]) + "\n"
