"""The cases of `npm run bench` in PyTorch at its best, timm and SciPy, printed as the same JSON lines, so that the two can be held side by side:

    python tests/peers/pytorch_bench.py > theirs.jsonl
    npm run bench -- --compare theirs.jsonl

or, in turn, by `npm run bench -- --against "python tests/peers/pytorch_bench.py"`. Names of cases choose them, `-bf16` at the end for
bfloat16. Needs torch, torchvision, timm and scipy, and for torch.compile a C++ compiler. On a machine that does nothing else.

Each case is tried in PyTorch's settings: eager and compiled (for a forward pass with frozen weights); convolutional networks with memory in
NCHW and in NHWC order; in bfloat16 under autocast, a forward pass also with its weights in bfloat16. What is compiled is what is fastest in
eager mode, all with --thorough: compiling takes most of the time. Those that come near the fastest are measured, and the fastest counts: its
name is in the line.
"""

import argparse
import json
import sys
import time
from itertools import product
from pathlib import Path

import numpy as np
import scipy
import timm
import torch
from scipy import ndimage
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parents[1] / "fixtures"))
from torch_dino_unet import DinoUnet  # noqa: E402

# A setting this much slower than the fastest at its first timed step is not measured further.
NEAR = 1.3
COMPILED = "torch.compile"
VERSIONS = f"PyTorch {torch.__version__}, timm {timm.__version__}"


def autocast(bfloat16):
    return torch.autocast("cpu", torch.bfloat16, enabled=bfloat16)


def compiled(model, compile):
    return torch.compile(model, dynamic=False) if compile else model


class Trained:
    """A network with AdamW and what it is trained in."""

    def __init__(self, model, bfloat16, compile, order):
        own = model().to(memory_format=order).train()
        self.values = [value for value in own.parameters() if value.requires_grad]
        self.optimizer = torch.optim.AdamW(self.values, lr=1e-3, weight_decay=1e-5, fused=True)
        self.own, self.call, self.bfloat16, self.order = own, compiled(own, compile), bfloat16, order

    def step(self, images, loss, call=None):
        self.optimizer.zero_grad()
        with autocast(self.bfloat16):
            value = loss((self.call if call is None else call)(images))
        value.backward()
        self.optimizer.step()
        return value.item()


def settings_of_training(convolutional):
    """Each setting's name, and the arguments of `Trained` after the precision."""
    for compile, last in product((False, True), (False, True) if convolutional else (False,)):
        name = (COMPILED if compile else "eager") + (", channels last" if last else "")
        yield name, (compile, torch.channels_last if last else torch.contiguous_format)


def train(model, images, loss, convolutional=True):
    """A step of AdamW."""

    def ways(bfloat16):
        for name, setting in settings_of_training(convolutional):

            def prepare(setting=setting):
                trained = Trained(model, bfloat16, *setting)
                batch = images.contiguous(memory_format=trained.order)
                return lambda: trained.step(batch, loss)

            yield name, prepare

    return ways


def forward(model, images):
    def ways(bfloat16):
        for compile, narrow in product((False, True), (False, True) if bfloat16 else (False,)):
            name = (COMPILED if compile else "eager") + (", weights in bfloat16" if narrow else "")

            def prepare(compile=compile, narrow=narrow):
                torch._inductor.config.freezing = compile
                own, batch = (model().eval().bfloat16(), images.bfloat16()) if narrow else (model().eval(), images)
                call = compiled(own, compile)

                def step():
                    with torch.no_grad(), autocast(bfloat16 and not narrow):
                        return call(batch).float().sum().item()

                step()
                torch._inductor.config.freezing = False
                return step

            yield name, prepare

    return ways


def epoch(model, counts, size, batch_size):
    """
    A whole epoch from bytes: batches in a new order, normalised; then the loss and the accuracy of the validation images. What is compiled is
    the step of a whole batch: the last, smaller one and the validation are a twentieth of the work.
    """
    random = np.random.default_rng(0)
    bytes = [torch.from_numpy(random.integers(0, 256, (count, size, size, 3), dtype=np.uint8)) for count in counts]
    labels = [torch.arange(count) % 8 for count in counts]

    def ways(bfloat16):
        for name, setting in settings_of_training(True):

            def prepare(setting=setting):
                trained = Trained(model, bfloat16, *setting)

                def batch(split, chosen):
                    images = bytes[split][chosen].permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
                    return images.contiguous(memory_format=trained.order), labels[split][chosen]

                def run(order):
                    for chosen in order.split(batch_size):
                        images, truth = batch(0, chosen)
                        call = trained.call if len(chosen) == batch_size else trained.own
                        trained.step(images, lambda logits: F.cross_entropy(logits, truth), call)
                    trained.own.eval()
                    loss, right = 0.0, 0
                    with torch.no_grad(), autocast(bfloat16):
                        for chosen in torch.arange(counts[1]).split(batch_size):
                            images, truth = batch(1, chosen)
                            logits = trained.own(images).float()
                            loss += F.cross_entropy(logits, truth, reduction="sum").item()
                            right += (logits.argmax(1) == truth).sum().item()
                    trained.own.train()
                    return loss, right

                few = torch.arange(min(counts[0], 10 * batch_size + counts[0] % batch_size))
                step = lambda: run(torch.randperm(counts[0]))
                # What is tried first, and warms up, is a part of it.
                step.part = lambda: run(few)
                return step

            yield name, prepare

    return ways


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


class DinoUnetSmall(nn.Module):
    """A frozen DINOv3 ViT-S under the corrected decoder of 4,063,297 values."""

    def __init__(self):
        super().__init__()
        self.encoder = timm.create_model("vit_small_patch16_dinov3", num_classes=0).requires_grad_(False)
        self.decoder = DinoUnet(True, 384)

    def forward(self, images):
        with torch.no_grad():
            maps = self.encoder.forward_intermediates(images, indices=[2, 5, 8, 11], norm=True, intermediates_only=True)
        return self.decoder(list(maps), images.shape[2:])["logits"]


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

    return lambda bfloat16: [(f"SciPy {scipy.__version__}", lambda: step)]


def images(count, size):
    return torch.randn(count, 3, size, size)


def classes(count):
    labels = torch.randint(0, 8, (count,))
    return lambda logits: F.cross_entropy(logits, labels)


def pixels(count, size):
    masks = (torch.rand(count, 1, size, size) > 0.5).float()
    return lambda logits: F.binary_cross_entropy_with_logits(logits, masks)


def model(name, **options):
    return lambda: timm.create_model(name, **options)


EIGHT = dict(num_classes=8)
NONE = dict(num_classes=0)
# name: images, repetitions, warm-up, the ways that it can be done; each has a twin in bfloat16, but for the last
CASES = {
    "resnet18-train-28-b128": (128, 5, 2, lambda: train(model("resnet18", **EIGHT), images(128, 28), classes(128))),
    "resnet18-epoch-28-b128": (11959, 1, 0, lambda: epoch(model("resnet18", **EIGHT), (11959, 1712), 28, 128)),
    "vit-tiny-forward-224-b32": (32, 4, 1, lambda: forward(model("vit_tiny_patch16_224", **EIGHT), images(32, 224))),
    "vit-tiny-train-224-b32": (32, 3, 1, lambda: train(model("vit_tiny_patch16_224", **EIGHT), images(32, 224), classes(32), False)),
    "dinov2-small-forward-224-b16": (16, 4, 1, lambda: forward(model("vit_small_patch14_dinov2", img_size=224, **NONE), images(16, 224))),
    "dinov3-small-forward-256-b16": (16, 4, 1, lambda: forward(model("vit_small_patch16_dinov3", **NONE), images(16, 256))),
    "unet-train-256-b8": (8, 3, 1, lambda: train(UNet, images(8, 256), pixels(8, 256))),
    "dino-unet-small-train-256-b8": (8, 3, 1, lambda: train(DinoUnetSmall, images(8, 256), pixels(8, 256))),
    "resnet50-train-224-b16": (16, 3, 1, lambda: train(model("resnet50", **EIGHT), images(16, 224), classes(16))),
    "swin-base-train-224-b8": (
        8, 3, 1,
        lambda: train(model("swin_base_patch4_window7_224", drop_path_rate=0.0, **EIGHT), images(8, 224), classes(8), False),
    ),
    "hd95-1000-256": (1000, 1, 0, hd95_of_pairs),
}  # fmt: skip
NARROW = "-bf16"
NAMES = [name + end for name in CASES for end in (("",) if name.startswith("hd95") else ("", NARROW))]


def milliseconds(step):
    start = time.perf_counter()
    step()
    return 1000 * (time.perf_counter() - start)


def near_fastest(case, ways, warm_up, thorough):
    """The steps of the settings that come near the fastest, by their names."""
    first, steps = {}, {}
    for name, prepare in ways:
        eager = {other: time for other, time in first.items() if other.startswith("eager")}
        if COMPILED in name and not thorough and eager and name.replace(COMPILED, "eager") != min(eager, key=eager.get):
            continue
        try:
            step = prepare()
            part = getattr(step, "part", step)
            for _ in range(max(warm_up, 1)):
                part()
            first[name], steps[name] = milliseconds(part), step
        except Exception as error:  # without a C++ compiler, say: the other settings count
            print(f"{case}, {name}: {error}"[:300], file=sys.stderr)
        steps = {name: step for name, step in steps.items() if first[name] <= NEAR * min(first.values())}
    return steps


def measure(case, rounds, wait, thorough):
    """Prints a line a round."""
    count, repetitions, warm_up, create = CASES[case.removesuffix(NARROW)]
    torch.manual_seed(0)
    if wait:
        sys.stdin.readline()
    steps = near_fastest(case, create()(case.endswith(NARROW)), warm_up, thorough)
    for index in range(rounds):
        if wait and index > 0:
            sys.stdin.readline()
        times = {name: min(milliseconds(step) for _ in range(repetitions)) for name, step in steps.items()}
        setting = min(times, key=times.get)
        line = {"case": case, "milliseconds": round(times[setting], 1), "best_of": repetitions, "images": count}
        print(json.dumps({**line, "setting": setting, "versions": VERSIONS}), flush=True)
    torch._dynamo.reset()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"by default all of {', '.join(NAMES)}")
    parser.add_argument("--rounds", type=int, default=1, help="how often what is near the fastest is measured, a line each; 1 by default")
    parser.add_argument("--wait", action="store_true", help="waits for a line of input before each round")
    parser.add_argument("--thorough", action="store_true", help="compiles every setting")
    parser.add_argument("--list", action="store_true", help="prints the names of all cases, and nothing is measured")
    given = parser.parse_args()
    if given.list:
        print(*NAMES)
        return
    unknown = [case for case in given.cases if case not in NAMES]
    if unknown:
        parser.error(f"there is no case {', '.join(unknown)}")
    for case in given.cases or NAMES:
        measure(case, given.rounds, given.wait, given.thorough)


main()
