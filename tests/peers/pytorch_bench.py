"""The cases of `npm run bench` in PyTorch, timm and SciPy, printed as the same JSON lines, so that the two can be held side by side:

    python tests/peers/pytorch_bench.py > theirs.jsonl
    npm run bench -- --compare theirs.jsonl

Needs torch, torchvision, timm and scipy. Where PyTorch has two ways (memory in NCHW or NHWC order), the faster one counts. On a machine that
does nothing else, one after the other, more than once: processors slow down when they are warm.
"""

import json
import sys
import time

import numpy as np
import timm
import torch
import torchvision
from scipy import ndimage
from torch import nn
from torch.nn import functional as F


def train(model, images, loss):
    """A step of AdamW, in both memory orders."""

    def prepare(memory_format):
        own = model().to(memory_format=memory_format).train()
        batch = images.contiguous(memory_format=memory_format)
        optimizer = torch.optim.AdamW(own.parameters(), lr=1e-3, weight_decay=1e-5)

        def step():
            optimizer.zero_grad()
            value = loss(own(batch))
            value.backward()
            optimizer.step()
            return value.item()

        return step

    return [lambda order=order: prepare(order) for order in (torch.contiguous_format, torch.channels_last)]


def forward(model, images):
    def prepare():
        own = model().eval()

        def step():
            with torch.inference_mode():
                return own(images).float().sum().item()

        return step

    return [prepare]


class DoubleConvolution(nn.Sequential):
    def __init__(self, inputs, outputs):
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
        )  # fmt: skip


class UNet(nn.Module):
    """7,763,041 values."""

    def __init__(self, widths=(32, 64, 128, 256, 512)):
        super().__init__()
        self.encoder = nn.ModuleList(DoubleConvolution(a, b) for a, b in zip((3, *widths), widths))
        steps = list(zip(widths[:0:-1], widths[-2::-1]))
        self.up = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, stride=2) for a, b in steps)
        self.decoder = nn.ModuleList(DoubleConvolution(2 * b, b) for _, b in steps)
        self.output = nn.Conv2d(widths[0], 1, 1)

    def forward(self, x):
        kept = []
        for level, block in enumerate(self.encoder):
            x = block(x if level == 0 else F.max_pool2d(x, 2))
            kept.append(x)
        for up, block, skip in zip(self.up, self.decoder, kept[-2::-1]):
            x = block(torch.cat([skip, up(x)], 1))
        return self.output(x)


def hd95_of_pairs(count=1000, size=256):
    """The way over scipy's distance transform that MONAI takes: edges, distances of one to the other, 95th percentiles."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size]

    def ellipse():
        cy, cx, a, b = random.uniform(0.3, 0.7) * size, random.uniform(0.3, 0.7) * size, *random.uniform(0.1, 0.3, 2) * size
        return ((y - cy) / a) ** 2 + ((x - cx) / b) ** 2 < 1

    pairs = [(ellipse(), ellipse()) for _ in range(50)]

    def directed(a, b):
        return np.percentile(ndimage.distance_transform_edt(~b)[a], 95)

    def step():
        total = 0
        for index in range(count):
            a, b = (mask ^ ndimage.binary_erosion(mask) for mask in pairs[index % len(pairs)])
            total += max(directed(a, b), directed(b, a))
        return total

    return [lambda: step]


def images(count, size):
    return torch.randn(count, 3, size, size)


def classes(count):
    labels = torch.randint(0, 8, (count,))
    return lambda logits: F.cross_entropy(logits, labels)


def pixels(count, size):
    masks = (torch.rand(count, 1, size, size) > 0.5).float()
    return lambda logits: F.binary_cross_entropy_with_logits(logits, masks)


def vit(name, **options):
    return lambda: timm.create_model(name, **options)


DINO2 = dict(img_size=224, num_classes=0)
# name: images, repetitions, warm-up, the ways that it can be done
CASES = {
    "resnet18-train-28-b128": (128, 5, 2, lambda: train(lambda: torchvision.models.resnet18(num_classes=8), images(128, 28), classes(128))),
    "vit-tiny-forward-224-b32": (32, 4, 1, lambda: forward(vit("vit_tiny_patch16_224", num_classes=8), images(32, 224))),
    "vit-tiny-train-224-b32": (32, 3, 1, lambda: train(vit("vit_tiny_patch16_224", num_classes=8), images(32, 224), classes(32))),
    "dinov2-small-forward-224-b16": (16, 4, 1, lambda: forward(vit("vit_small_patch14_dinov2", **DINO2), images(16, 224))),
    "dinov2-small-forward-224-b16-bf16": (
        16, 4, 1, lambda: forward(lambda: vit("vit_small_patch14_dinov2", **DINO2)().bfloat16(), images(16, 224).bfloat16()),
    ),
    "dinov3-small-forward-256-b16": (16, 4, 1, lambda: forward(vit("vit_small_patch16_dinov3", num_classes=0), images(16, 256))),
    "unet-train-256-b8": (8, 3, 1, lambda: train(UNet, images(8, 256), pixels(8, 256))),
    "hd95-1000-256": (1000, 1, 0, hd95_of_pairs),
}  # fmt: skip


def best(step, repetitions, warm_up):
    times = []
    for _ in range(warm_up + repetitions):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return 1000 * min(times[warm_up:])


for case, (count, repetitions, warm_up, ways) in CASES.items():
    if len(sys.argv) > 1 and case not in sys.argv[1:]:
        continue
    torch.manual_seed(0)
    found = [best(prepare(), repetitions, warm_up) for prepare in ways()]
    line = {"case": case, "milliseconds": round(min(found), 1), "best_of": repetitions * len(found), "images": count}
    print(json.dumps(line), flush=True)
