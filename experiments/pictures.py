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


def mountain_car(x: float, push: float, caption: str = "", width: int = 360, height: int = 220) -> np.ndarray:
    """uint8 [height, width, 3]: the valley sin(3 x) from -1.2 to 0.6, the car at x, its push, the flag at 0.5."""
    from PIL import Image, ImageDraw, ImageFont

    across = lambda x: 15 + (width - 30) * (x + 1.2) / 1.8
    down = lambda x: height - 60 - (height - 120) * (np.sin(3 * x) + 1) / 2
    image = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(image)
    ground = np.linspace(-1.2, 0.6, 100)
    pen.line([(across(g), down(g)) for g in ground], fill="#888888", width=3)
    flag, foot = across(0.5), down(0.5)
    pen.line([(flag, foot), (flag, foot - 34)], fill="#c0392b", width=3)
    pen.polygon([(flag, foot - 34), (flag + 18, foot - 28), (flag, foot - 22)], fill="#c0392b")
    centre, wheel = across(x), down(x)
    pen.ellipse([centre - 9, wheel - 18, centre + 9, wheel], fill="#2c3e50")
    pen.line([(centre, wheel - 26), (centre + 26 * push, wheel - 26)], fill="#e67e22", width=5)
    pen.text((15, height - 30), caption, fill="black", font=ImageFont.load_default(18))
    return np.asarray(image)


def acrobot(shoulder: float, elbow: float, torque: float, caption: str = "", size: int = 260) -> np.ndarray:
    """uint8 [size, size, 3]: two links of 1 m and the bar to reach; an arc at the elbow where its motor pushes."""
    from PIL import Image, ImageDraw, ImageFont

    scale, middle = 0.21 * size, np.array([size / 2, size / 2])
    knee = middle + scale * np.array([np.sin(shoulder), np.cos(shoulder)])
    tip = knee + scale * np.array([np.sin(shoulder + elbow), np.cos(shoulder + elbow)])
    image = Image.new("RGB", (size, size), "white")
    pen = ImageDraw.Draw(image)
    pen.line([(15, size / 2 - scale), (size - 15, size / 2 - scale)], fill="#c0392b", width=3)
    pen.line([*map(tuple, (middle, knee, tip))], fill="#e67e22", width=9, joint="curve")
    for x, y in (middle, knee):
        pen.ellipse([x - 7, y - 7, x + 7, y + 7], fill="#2c3e50")
    arc = [*(knee - 17), *(knee + 17)]
    pen.arc(arc, *sorted((-90.0, -90.0 - 90 * torque)), fill="#2980b9", width=4)
    pen.text((12, size - 28), caption, fill="black", font=ImageFont.load_default(18))
    return np.asarray(image)


def breakout(pixels: np.ndarray, caption: str = "", side: int = 24) -> np.ndarray:
    """uint8 [10 side + 30, 10 side, 3]: paddle, ball, trail and bricks, bool [10, 10, 4], each in its colour."""
    from PIL import Image, ImageDraw, ImageFont

    colours = ("#2980b9", "#e67e22", "#f5cba7", "#c0392b")
    size = side * len(pixels)
    image = Image.new("RGB", (size, size + 30), "white")
    pen = ImageDraw.Draw(image)
    for channel in (3, 2, 1, 0):  # the ball above its trail
        for row, column in np.argwhere(pixels[..., channel]) * side:
            pen.rectangle([column + 1, row + 1, column + side - 2, row + side - 2], fill=colours[channel])
    pen.line([(0, size), (size, size)], fill="#888888", width=2)
    pen.text((8, size + 5), caption, fill="black", font=ImageFont.load_default(16))
    return np.asarray(image)


def pong(pixels: np.ndarray, caption: str = "", side: int = 9) -> np.ndarray:
    """uint8 [rows side + 30, columns side, 3]: paddles, ball and trail, [rows, columns, 3], not 0 where they are."""
    shown = np.where(pixels.astype(bool)[..., None], np.array([[41, 128, 185], [230, 126, 34], [245, 203, 167]]), 255)
    frame = shown.min(-2).astype(np.uint8).repeat(side, 0).repeat(side, 1)
    from PIL import Image, ImageDraw, ImageFont

    height, width, _ = frame.shape
    image = Image.new("RGB", (width, height + 30), "white")
    image.paste(Image.fromarray(frame))
    pen = ImageDraw.Draw(image)
    pen.line([(0, height), (width, height)], fill="#888888", width=2)
    pen.text((8, height + 5), caption, fill="black", font=ImageFont.load_default(16))
    return np.asarray(image)
