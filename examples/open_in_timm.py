"""Opens a saved model in timm and says what it makes of an image. Needs timm, safetensors and Pillow.

python examples/open_in_timm.py models/blood cell.png

Not for clinical use.
"""

import json
import sys
from pathlib import Path

import numpy as np
import safetensors.torch
import timm
import torch
from PIL import Image, ImageOps


def open_model(folder):
    """The network with its weights, and what model.json says of it."""
    about = json.loads(Path(folder, "model.json").read_text())
    if "timm" not in about:
        sys.exit(f"{folder}: timm has no network with the layers of {about['name']}.")
    model = timm.create_model(about["timm"]["name"], **about["timm"]["options"])
    model.load_state_dict(safetensors.torch.load_file(Path(folder, "model.safetensors")), strict=True)
    return model.eval(), about


def cover(image, height, width, filter, crop_fraction=1.0):
    """The shorter side resized, the centre cut out, as the network saw its images in training."""
    edge = int(height / crop_fraction)
    if image.width <= image.height:
        size = (edge, int(edge * image.height / image.width))
    else:
        size = (int(edge * image.width / image.height), edge)
    image = image if size == image.size else image.resize(size, filter)
    left, top = round((image.width - width) / 2), round((image.height - height) / 2)
    return image.crop((left, top, left + width, top + height))


def prepare(path, about):
    """1 x 3 x H x W, normalised."""
    spec = about["input"]
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    image = cover(image, spec["height"], spec["width"], Image.BICUBIC)
    if "transform" in spec:
        own = spec["transform"]
        image = cover(image, own["height"], own["width"], getattr(Image, own["interpolation"].upper()), own["cropFraction"])
    pixels = (np.asarray(image, dtype=np.float32) / 255 - spec["mean"]) / spec["std"]
    return torch.tensor(pixels, dtype=torch.float32).permute(2, 0, 1)[None]


if __name__ == "__main__":
    model, about = open_model(sys.argv[1])
    with torch.no_grad():
        logits = model(prepare(sys.argv[2], about))[0]
    # Divided by the temperature, probabilities can be taken at their word.
    for name, probability in zip(about["classNames"], (logits / about.get("temperature", 1)).softmax(-1).tolist()):
        print(f"{probability:.4f}  {name}")
