"""Trains the built-in model: a small LLaMA on the texts that data.ts wrote, each in a row of its own.

    /usr/bin/python3 training/train.py [--steps 2500] [--shares sums=44,edits=12,...] [--start] [--threads 2]

Goes on from the last checkpoint (written every 20 steps and at the end into training/build); without one it begins with random
weights, or with --start with those that import.ts or an earlier run left in training/build. The same seed draws the same texts
in the same order. The rate stays the same and falls in the last part of the steps, so that a run can be cut short or made
longer on the way. Ends with weights.bin (float32, tensor after tensor) and weights.json, which export.ts makes a GGUF file of;
--steps 0 writes them of the last checkpoint.
"""

import argparse
import json
import math
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# Before PyTorch is loaded: threads within an operation wait for one another, at great cost where others use the processors
# as well, so each thread here computes texts of its own.
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
import torch
import torch.nn.functional as F
from torch import nn

BUILD = Path(__file__).parent / "build"

# Row lengths are multiples of 256, so that every block format applies.
CONFIG = {"vocabulary": 2048, "dim": 256, "layers": 6, "heads": 4, "kv_heads": 2, "hidden": 512, "context": 512}
ROPE_BASE = 10_000.0
EPS = 1e-5
# Tokens that are computed at once, padding included.
AT_ONCE = 1024
SUBJECTS = ("stories", "sums", "edits", "tales", "talk")


class RMSNorm(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        x = x.float()
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + EPS) * self.weight


def rotate(x, turns):
    """Pairs (2i, 2i + 1), as LLaMA files have them; x is [batch, tokens, heads, head dim], turns complex."""
    pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * turns).flatten(-2)


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        dim, head_dim = c["dim"], c["dim"] // c["heads"]
        self.heads, self.kv_heads, self.head_dim = c["heads"], c["kv_heads"], head_dim
        linear = lambda inner, outer: nn.Linear(inner, outer, bias=False)
        self.attn_norm, self.ffn_norm = RMSNorm(dim), RMSNorm(dim)
        self.attn_q, self.attn_output = linear(dim, dim), linear(dim, dim)
        self.attn_k, self.attn_v = linear(dim, self.kv_heads * head_dim), linear(dim, self.kv_heads * head_dim)
        self.ffn_gate, self.ffn_up = linear(dim, c["hidden"]), linear(dim, c["hidden"])
        self.ffn_down = linear(c["hidden"], dim)

    def forward(self, x, turns, later, counted=None):
        """Of all positions, or of the `counted` ones of all rows, one after the other."""
        batch, tokens, dim = x.shape
        h = self.attn_norm(x)
        split = lambda y, heads: y.view(batch, tokens, heads, self.head_dim)
        q = rotate(split(self.attn_q(h), self.heads), turns)
        k = rotate(split(self.attn_k(h), self.kv_heads), turns)
        v = split(self.attn_v(h), self.kv_heads)
        # Written out: the function for it is younger than the PyTorch of some systems. The queries that share keys stand
        # below one another.
        shared = self.heads // self.kv_heads
        q = q.unflatten(2, (self.kv_heads, shared)).permute(0, 2, 3, 1, 4).flatten(2, 3).flatten(0, 1)
        k, v = (y.to(v.dtype).transpose(1, 2).flatten(0, 1) for y in (k, v))
        scores = torch.baddbmm(later, q.to(v.dtype), k.transpose(-2, -1), alpha=self.head_dim**-0.5)
        seen = (scores.softmax(-1).to(v.dtype) @ v).view(batch, self.heads, tokens, self.head_dim)
        seen = seen.transpose(1, 2).reshape(batch, tokens, dim)
        if counted is not None:
            seen, x = seen.flatten(0, 1)[counted], x.flatten(0, 1)[counted]
        x = x + self.attn_output(seen)
        h = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(h)) * self.ffn_up(h))


class Model(nn.Module):
    """Embedding and output matrix are one."""

    def __init__(self, c):
        super().__init__()
        self.token_embd = nn.Embedding(c["vocabulary"], c["dim"])
        self.blk = nn.ModuleList(Block(c) for _ in range(c["layers"]))
        self.output_norm = RMSNorm(c["dim"])
        self.shared = c["heads"] // c["kv_heads"]
        self.groups = c["kv_heads"]
        head_dim = c["dim"] // c["heads"]
        frequencies = ROPE_BASE ** (-torch.arange(0, head_dim, 2).float() / head_dim)
        angles = torch.outer(torch.arange(c["context"]).float(), frequencies)
        self.register_buffer("turns", torch.polar(torch.ones_like(angles), angles).unsqueeze(1), persistent=False)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, std=0.02)
            if name.endswith(("attn_output.weight", "ffn_down.weight")):
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * c["layers"]))

    def forward(self, ids, counted):
        """Logits of the positions `counted` of all rows, one after the other."""
        x = self.token_embd(ids)
        batch, tokens = ids.shape
        kind = torch.bfloat16 if torch.is_autocast_cpu_enabled() else torch.float32
        later = torch.full((tokens, tokens), -1e9, dtype=kind).triu(1).repeat(self.shared, 1)
        later = later.expand(batch * self.groups, -1, -1)
        *blocks, last = self.blk
        for block in blocks:
            x = block(x, self.turns[:tokens], later)
        x = last(x, self.turns[:tokens], later, counted)
        return F.linear(self.output_norm(x), self.token_embd.weight)


class Muon(torch.optim.Optimizer):
    """Momentum whose steps are made orthogonal, by five steps of a Newton-Schulz iteration (Jordan et al., 2024, kellerjordan.github.io/posts/muon)."""

    def __init__(self, parameters, lr, momentum=0.95):
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            shapes = {}
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["momentum"] = torch.zeros_like(p)
                state["momentum"].lerp_(p.grad, 1 - group["momentum"])
                step = p.grad.lerp(state["momentum"], group["momentum"])
                shapes.setdefault(p.shape, []).append((p, step))
            for (rows, columns), steps in shapes.items():
                made = orthogonal(torch.stack([step for _, step in steps]))
                for (p, _), step in zip(steps, made):
                    p.add_(step, alpha=-group["lr"] * math.sqrt(max(1, rows / columns)))


def orthogonal(x):
    """Singular values of about 1 instead of those that x has; of many matrices at once."""
    tall = x.shape[-2] > x.shape[-1]
    x = x.transpose(-2, -1) if tall else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):
        square = x @ x.transpose(-2, -1)
        x = 3.4445 * x + (-4.775 * square + 2.0315 * (square @ square)) @ x
    return x.transpose(-2, -1) if tall else x


class Texts:
    """The texts of one subject: token ids and weights of all in a row, and where each begins."""

    def __init__(self, folder, subject):
        read = lambda suffix, dtype: torch.frombuffer(
            bytearray((BUILD / folder / f"{subject}.{suffix}").read_bytes()), dtype=dtype
        )
        self.tokens, self.weights = read("tokens", torch.int16), read("weights", torch.uint8)
        self.ends = read("lengths", torch.int16).long().cumsum(0).tolist()

    def __len__(self):
        return len(self.ends)

    def __getitem__(self, i):
        span = slice(self.ends[i - 1] if i > 0 else 0, self.ends[i])
        return self.tokens[span], self.weights[span]


def drawn(texts, shares, count, seed):
    """Texts of all subjects with together some `count` tokens, the same ones for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    subjects = list(shares)
    odds = torch.tensor([float(shares[subject]) for subject in subjects])
    rows, total = [], 0
    while total < count:
        pool = texts[subjects[torch.multinomial(odds, 1, generator=generator).item()]]
        rows.append(pool[torch.randint(len(pool), (1,), generator=generator).item()])
        total += len(rows[-1][0])
    return rows


def batches(rows):
    """Those of about the same length at once, filled up with what has no weight."""
    rows = sorted(rows, key=lambda row: len(row[0]))
    while rows:
        longest = len(rows[-1][0])
        cut = max(0, len(rows) - max(1, AT_ONCE // longest))
        some, rows = rows[cut:], rows[:cut]
        ids = torch.zeros(len(some), longest, dtype=torch.long)
        weights = torch.zeros(len(some), longest)
        for i, (tokens, counts) in enumerate(some):
            ids[i, : len(tokens)], weights[i, : len(tokens)] = tokens, counts
        yield ids, weights / 100


def losses_of(model, ids, weights, autocast):
    """Of the tokens that have a weight, where they stand and what they weigh; others are not even predicted."""
    inputs, targets, weights = ids[:, :-1], ids[:, 1:].flatten(), weights[:, 1:].flatten()
    counted = weights.nonzero().flatten()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        logits = model(inputs, counted)
    losses = F.cross_entropy(logits.float(), targets[counted], reduction="none")
    return losses, counted, weights[counted], logits.argmax(-1) == targets[counted]


@torch.no_grad()
def judged(model, pool, count, autocast):
    """The loss on the first texts of a subject, and the share of them that are told without a wrong token."""
    loss, weight, right = 0.0, 0.0, 0
    for ids, weights in batches([pool[i] for i in range(min(count, len(pool)))]):
        losses, counted, by, hits = losses_of(model, ids, weights, autocast)
        loss, weight = loss + (losses * by).sum().item(), weight + by.sum().item()
        wrong = torch.zeros(len(ids))
        wrong.index_add_(0, counted // (ids.shape[1] - 1), (~hits).float())
        right += (wrong == 0).sum().item()
    return loss / weight, right / min(count, len(pool))


def gradients_of(model, rows, autocast, pool):
    """Leaves the gradients of the mean loss in the parameters, and returns the loss. Each thread takes what is next."""
    parameters = list(model.parameters())
    weight = sum(weights[1:].sum().item() for _, weights in rows) / 100

    def work(batch):
        losses, _, by, _ = losses_of(model, *batch, autocast)
        loss = (losses * by).sum() / weight
        return loss.item(), torch.autograd.grad(loss, parameters)

    total = 0.0
    for loss, gradients in pool.map(work, batches(rows)):
        total += loss
        for parameter, gradient in zip(parameters, gradients):
            parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)
    return total


def rate_at(step, steps):
    """Rises for 50 steps, stays at 1, and falls to a fiftieth over the last two fifths."""
    left = min(1.0, (steps - step) / (0.4 * steps))
    return min(1.0, (step + 1) / 50) * (0.02 + 0.98 * left)


def save_weights(model):
    state = model.state_dict()
    manifest, offset = [], 0
    with open(BUILD / "weights.bin", "wb") as out:
        for name, tensor in state.items():
            values = tensor.float().contiguous()
            out.write(values.numpy().tobytes())
            manifest.append({"name": name, "shape": list(values.shape), "offset": offset})
            offset += values.numel() * 4
    (BUILD / "weights.json").write_text(json.dumps({"config": CONFIG, "tensors": manifest}))


def load_weights(model):
    values = torch.frombuffer(bytearray((BUILD / "weights.bin").read_bytes()), dtype=torch.float32)
    state = {}
    for tensor in json.loads((BUILD / "weights.json").read_text())["tensors"]:
        first, count = tensor["offset"] // 4, math.prod(tensor["shape"])
        state[tensor["name"]] = values[first : first + count].view(tensor["shape"])
    model.load_state_dict(state)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--batch", type=int, default=4096, help="tokens a step")
    parser.add_argument("--shares", default="stories=8,sums=44,edits=12,tales=4,talk=26", help="of the texts")
    parser.add_argument("--rate", type=float, default=0.012, help="of Muon, for the matrices of the blocks")
    parser.add_argument("--adam-rate", type=float, default=2e-3, help="of AdamW, for all else")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--bf16", action="store_true", help="where the processor computes with bfloat16")
    parser.add_argument("--start", action="store_true")
    o = parser.parse_args()
    pool = ThreadPoolExecutor(o.threads)
    torch.manual_seed(o.seed)
    shares = {subject: int(share) for subject, share in (part.split("=") for part in o.shares.split(","))}
    texts = {subject: Texts("train", subject) for subject in shares}
    unseen = {subject: Texts("valid", subject) for subject in shares}
    model = Model(CONFIG)
    matrices = [p for p in model.blk.parameters() if p.dim() == 2]
    others = [p for p in model.parameters() if all(p is not matrix for matrix in matrices)]
    optimizers = [
        (Muon(matrices, lr=o.rate), o.rate),
        (torch.optim.AdamW(others, lr=o.adam_rate, betas=(0.9, 0.95), weight_decay=0), o.adam_rate),
    ]
    first, checkpoint = 0, BUILD / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint)
        model.load_state_dict(state["model"])
        for (optimizer, _), saved in zip(optimizers, state["optimizers"]):
            optimizer.load_state_dict(saved)
        first = state["step"]
        print(f"going on from step {first}")
    elif o.start:
        load_weights(model)
        print("beginning with the weights in training/build")
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters", flush=True)

    def save(step):
        states = [optimizer.state_dict() for optimizer, _ in optimizers]
        torch.save({"model": model.state_dict(), "optimizers": states, "step": step}, f"{checkpoint}.part")
        Path(f"{checkpoint}.part").replace(checkpoint)

    began, seen, recent = time.time(), 0, 0.0
    with open(BUILD / "log.csv", "a") as log:
        for step in range(first, o.steps):
            for optimizer, peak in optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = peak * rate_at(step, o.steps)
            rows = drawn(texts, shares, o.batch, o.seed * 1_000_003 + step)
            recent += gradients_of(model, rows, o.bf16, pool)
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for optimizer, _ in optimizers:
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            seen += sum(len(tokens) for tokens, _ in rows)
            done = step + 1
            if done % 10 == 0:
                speed = seen / (time.time() - began)
                print(f"{done} loss {recent / 10:.4f} {speed:.0f} tokens/s", flush=True)
                recent = 0.0
            if done % 20 == 0 or done == o.steps:
                save(done)
            if done % 100 == 0 or done == o.steps:
                cells = [f"{subject} {loss:.4f} {100 * right:.0f} %" for subject, (loss, right) in (
                    (subject, judged(model, some, 16 if subject == "stories" else 64, o.bf16))
                    for subject, some in unseen.items()
                )]
                line = f"{done},{seen},{time.time() - began:.0f},{','.join(cells)}"
                print(line, flush=True)
                log.write(line + "\n")
                log.flush()
    save_weights(model)


if __name__ == "__main__":
    main()
