"""Frames of films, drawn without a game engine."""

import numpy as np


def cartpole(x: float, theta: float, caption: str = "", width: int = 360, height: int = 200) -> np.ndarray:
    """uint8 [height, width, 3]: the track from -2.4 to 2.4 m, the cart at x, the pole (1 m) at theta from upright."""
    from PIL import Image, ImageDraw, ImageFont

    scale, ground = (width - 40) / 4.8, height - 40  # pixels per metre
    centre = width / 2 + scale * x
    tip = (centre + scale * np.sin(theta), ground - 20 - scale * np.cos(theta))
    image = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(image)
    pen.line([(20, ground), (width - 20, ground)], fill="#888888", width=3)
    for end in (20, width - 20):
        pen.line([(end, ground - 12), (end, ground + 12)], fill="#c0392b", width=4)
    pen.rectangle([centre - 22, ground - 20, centre + 22, ground - 2], fill="#2c3e50")
    pen.line([(centre, ground - 20), tip], fill="#e67e22", width=8)
    pen.text((20, height - 30), caption, fill="black", font=ImageFont.load_default(18))
    return np.asarray(image)


def pendulum(theta: float, torque: float, caption: str = "", size: int = 240) -> np.ndarray:
    """uint8 [size, size, 3]: the rod (1 m) at theta from upright, counter-clockwise; an arc as long as the torque."""
    from PIL import Image, ImageDraw, ImageFont

    centre, length = size / 2, 0.36 * size
    tip = (centre - length * np.sin(theta), centre - length * np.cos(theta))
    image = Image.new("RGB", (size, size), "white")
    pen = ImageDraw.Draw(image)
    pen.line([(centre, centre), tip], fill="#e67e22", width=14)
    pen.ellipse([centre - 9, centre - 9, centre + 9, centre + 9], fill="#2c3e50")
    arc, turn = [centre - 24, centre - 24, centre + 24, centre + 24], 60 * torque  # degrees; the axis points down
    pen.arc(arc, *sorted((-90.0, -90.0 - turn)), fill="#2980b9", width=5)
    pen.text((12, size - 28), caption, fill="black", font=ImageFont.load_default(18))
    return np.asarray(image)
