"""Trains the built-in model: a small LLaMA on the texts that data.ts wrote, on processors or an NVIDIA card.

    python3 training/train.py --minutes 6 [--device cuda] [--compile] [--out training/build]
    python3 training/train.py --steps 3 --device cpu            # whether everything works

Needs PyTorch (1.13 or later) and nothing else. Goes on from the last checkpoint in --out, which is written every minute and
at the end, with log.csv and the weights: weights.bin (float32, tensor after tensor) and weights.json, which export.ts makes a
GGUF file of. Without a checkpoint it begins with random weights, or with --start with those in --out, which import.ts or an
earlier run left there. The rate rises, stays and falls with the share of the --minutes that are over, the minutes of earlier
parts of the run included, or of the --steps; so either can be changed on the way. With --minutes a run ends in time, its last
judgement included. The same seed draws the same texts for the same step.
"""

import argparse
import ctypes
import gzip
import json
import math
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

# The loading of PyTorch and of the texts is part of a run's minutes.
BEGAN = time.monotonic()
# Before PyTorch is loaded: threads within an operation wait for one another, at great cost where others use the processors
# as well, so each thread here computes texts of its own.
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
import torch
import torch.nn.functional as F
from torch import nn

BUILD = Path(__file__).parent / "build"

# Row lengths are multiples of 256, so that every block format applies.
CONFIG = {"dim": 256, "layers": 6, "heads": 4, "kv_heads": 2, "hidden": 512, "context": 512}
ROPE_BASE = 10_000.0
EPS = 1e-5
# Of the tokens. Edits take the longest to learn, sums the shortest.
SHARES = "stories=22,sums=8,edits=58,tales=4,talk=8"
# Tokens of a step, and those that are computed at once, padding included: much at once keeps a card busy, but has processors
# wait for memory.
BATCH = {"cpu": 4096, "cuda": 65_536}
AT_ONCE = {"cpu": 512, "cuda": 32_768}
# Of Muon, for the matrices of the blocks, and of AdamW, for all else; that of a card has not been tried.
RATE = {"cpu": (6e-3, 1.5e-3), "cuda": (0.02, 3e-3)}
# Tokens of unseen texts to judge by, of each subject.
JUDGED = {"cpu": 4096, "cuda": 131_072}
# Seconds from one checkpoint to the next, and from one line of output to the next.
SAVE_EVERY, PRINT_EVERY = 60, 10


class RMSNorm(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        x = x.float()
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + EPS) * self.weight


def rotate(x, cosines, sines):
    """Pairs (2i, 2i + 1), as LLaMA files have them; x is [batch, tokens, heads, head dim]."""
    left, right = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    return torch.stack((left * cosines - right * sines, left * sines + right * cosines), -1).flatten(-2)


def attention(q, k, v):
    """Causal; all are [batch, heads, tokens, head dim], k and v with fewer heads."""
    batch, heads, tokens, dim = q.shape
    shared = heads // k.shape[1]
    if hasattr(F, "scaled_dot_product_attention"):
        k, v = (y.repeat_interleave(shared, dim=1) for y in (k, v))
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    # For a PyTorch that is older. The queries that share keys stand below one another.
    q = q.reshape(-1, shared * tokens, dim)
    k, v = k.flatten(0, 1), v.flatten(0, 1)
    later = torch.full((tokens, tokens), -1e9, dtype=q.dtype, device=q.device).triu(1).repeat(shared, 1)
    scores = torch.baddbmm(later.expand(len(q), -1, -1), q, k.transpose(-2, -1), alpha=dim**-0.5)
    return (scores.softmax(-1).to(v.dtype) @ v).view(batch, heads, tokens, dim)


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

    def forward(self, x, turns, counted=None):
        """Of all positions, or of the `counted` ones of all rows, one after the other."""
        batch, tokens, dim = x.shape
        h = self.attn_norm(x)
        split = lambda y, heads: y.view(batch, tokens, heads, self.head_dim)
        q = rotate(split(self.attn_q(h), self.heads), *turns)
        k = rotate(split(self.attn_k(h), self.kv_heads), *turns)
        v = split(self.attn_v(h), self.kv_heads)
        seen = attention(*(y.to(v.dtype).transpose(1, 2) for y in (q, k, v)))
        seen = seen.transpose(1, 2).reshape(batch, tokens, dim)
        if counted is not None:
            seen, x = seen.flatten(0, 1)[counted], x.flatten(0, 1)[counted]
        x = x + self.attn_output(seen)
        h = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(h)) * self.ffn_up(h))


class Model(nn.Module):
    """Embedding and output matrix are one."""

    def __init__(self, c, vocabulary):
        super().__init__()
        self.token_embd = nn.Embedding(vocabulary, c["dim"])
        self.blk = nn.ModuleList(Block(c) for _ in range(c["layers"]))
        self.output_norm = RMSNorm(c["dim"])
        head_dim = c["dim"] // c["heads"]
        frequencies = ROPE_BASE ** (-torch.arange(0, head_dim, 2).float() / head_dim)
        angles = torch.outer(torch.arange(c["context"]).float(), frequencies)
        self.register_buffer("turns", torch.stack((angles.cos(), angles.sin())).unsqueeze(2), persistent=False)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, std=0.02)
            if name.endswith(("attn_output.weight", "ffn_down.weight")):
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * c["layers"]))

    def forward(self, ids, counted):
        """Logits of the positions `counted` of all rows, one after the other."""
        x = self.token_embd(ids)
        turns = self.turns[:, : ids.shape[1]]
        *blocks, last = self.blk
        for block in blocks:
            x = block(x, turns)
        x = last(x, turns, counted)
        return F.linear(self.output_norm(x), self.token_embd.weight)


class Muon(torch.optim.Optimizer):
    """Momentum whose steps are made orthogonal, by five steps of a Newton-Schulz iteration (Jordan et al., 2024, kellerjordan.github.io/posts/muon)."""

    def __init__(self, parameters, lr, pool, momentum=0.95):
        super().__init__(parameters, {"lr": lr, "momentum": momentum})
        self.pool = pool

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
            # The largest first, so that no thread has long to wait.
            by_size = sorted(shapes.values(), key=lambda steps: -len(steps) * steps[0][0].numel())
            list(self.pool.map(lambda steps: self.move(steps, group["lr"]), by_size))

    @torch.no_grad()
    def move(self, steps, lr):
        """Matrices of one shape by their steps."""
        rows, columns = steps[0][0].shape
        made = orthogonal(torch.stack([step for _, step in steps]))
        for (p, _), step in zip(steps, made):
            p.add_(step, alpha=-lr * math.sqrt(max(1, rows / columns)))


def orthogonal(x):
    """Singular values of about 1 instead of those that x has; of many matrices at once."""
    tall = x.shape[-2] > x.shape[-1]
    x = x.transpose(-2, -1) if tall else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):
        square = x @ x.transpose(-2, -1)
        x = 3.4445 * x + (-4.775 * square + 2.0315 * (square @ square)) @ x
    return x.transpose(-2, -1) if tall else x


class Batch(NamedTuple):
    """Texts of about the same length, filled up with what has no weight; and the positions whose next token has one."""

    inputs: torch.Tensor
    counted: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor

    def to(self, device):
        if device.type == "cpu":
            return self
        return Batch(*(part.pin_memory().to(device, non_blocking=True) for part in self))


class Texts:
    """All texts of some subjects in a row of words (token id and weight, see pack.ts), and where each begins."""

    def __init__(self, folder, subjects):
        parts = []
        for subject in subjects:
            raw = gzip.decompress((folder / f"{subject}.gz").read_bytes())
            parts.append(torch.frombuffer(bytearray(raw), dtype=torch.int16))
        self.words = torch.cat(parts)
        # Every text begins with the token that ends texts, and that stands nowhere else without a weight.
        self.begins = (self.words == self.words[0]).nonzero().flatten()
        self.lengths = torch.cat((self.begins[1:], torch.tensor([len(self.words)]))) - self.begins
        ends = torch.tensor([len(part) for part in parts]).cumsum(0)
        self.ends = torch.searchsorted(self.begins, ends)
        self.counts = torch.diff(self.ends, prepend=torch.zeros(1, dtype=torch.long))
        # Tokens of a text, on average.
        self.means = torch.tensor([len(part) for part in parts]) / self.counts

    def first(self, i, tokens):
        """The first ones of the subject at `i`, with together some `tokens`."""
        begin, count = self.ends[i] - self.counts[i], torch.round(tokens / self.means[i]).long()
        return torch.arange(begin, torch.minimum(begin + count, self.ends[i]))

    def drawn(self, shares, tokens, seed):
        """Texts with together some `tokens`, of which each subject has its share; the same ones for the same seed."""
        generator = torch.Generator().manual_seed(seed)
        odds = torch.tensor(shares) / self.means
        count = max(1, round(tokens * (odds.sum() / sum(shares)).item()))
        subjects = torch.multinomial(odds, count, replacement=True, generator=generator)
        places = torch.rand(count, generator=generator, dtype=torch.float64)
        return (self.ends - self.counts)[subjects] + (places * self.counts[subjects]).long()

    def batches(self, rows, at_once):
        """The longest texts first."""
        rows = rows[self.lengths[rows].argsort(descending=True)]
        while len(rows) > 0:
            longest = self.lengths[rows[0]].item()
            count = max(1, at_once // longest)
            yield self.batch(rows[:count], longest)
            rows = rows[count:]

    def batch(self, rows, longest):
        places = torch.arange(longest)
        within = places < self.lengths[rows].unsqueeze(1)
        words = self.words[(self.begins[rows].unsqueeze(1) + places).clamp(max=len(self.words) - 1)]
        words = (words.int() & 0xFFFF) * within
        ids, weights = (words & 0xFFF).long(), words[:, 1:].flatten() >> 12
        counted = weights.nonzero().flatten()
        return Batch(ids[:, :-1].contiguous(), counted, ids[:, 1:].flatten()[counted], weights[counted] / 10)


def losses_of(model, batch, autocast):
    """Of the tokens that have a weight, and whether each is the likeliest; others are not even predicted."""
    with torch.autocast(batch.inputs.device.type, dtype=torch.bfloat16, enabled=autocast):
        logits = model(batch.inputs, batch.counted)
    losses = F.cross_entropy(logits.float(), batch.targets, reduction="none")
    return losses, logits.argmax(-1) == batch.targets


@torch.no_grad()
def judged(model, batches, device, autocast):
    """The loss on some texts, and the share of them that are told without a wrong token."""
    loss, weight, right, count = 0.0, 0.0, 0, 0
    for batch in batches:
        losses, hits = losses_of(model, batch.to(device), autocast)
        loss += (losses.cpu() * batch.weights).sum().item()
        weight += batch.weights.sum().item()
        rows, columns = batch.inputs.shape
        wrong = torch.zeros(rows)
        wrong.index_add_(0, torch.div(batch.counted, columns, rounding_mode="floor"), (~hits).float().cpu())
        right, count = right + (wrong == 0).sum().item(), count + rows
    return loss / weight, right / count


def gradients_of(model, batches, device, autocast, pool):
    """Leaves the gradients of the mean loss in the parameters, and returns the loss. Each thread takes what is next."""
    parameters = list(model.parameters())
    weight = sum(batch.weights.sum().item() for batch in batches)

    def work(batch):
        batch = batch.to(device)
        losses, _ = losses_of(model, batch, autocast)
        loss = (losses * batch.weights).sum() / weight
        return loss.detach(), torch.autograd.grad(loss, parameters)

    total = torch.zeros((), device=device)
    for loss, gradients in pool.map(work, batches):
        total += loss
        for parameter, gradient in zip(parameters, gradients):
            parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)
    return total


def rate_at(step, progress):
    """Rises for 50 steps, stays at 1, and falls to a fiftieth over the second half of the run."""
    return min(1.0, (step + 1) / 50) * (0.02 + 0.98 * min(1.0, (1 - progress) / 0.5))


class Progress:
    """How much of a run is over, from 0 to 1: by its steps, or by the clock."""

    def __init__(self, o, spent):
        self.steps, self.limit = o.steps, o.minutes and 60 * o.minutes
        self.began = BEGAN - spent
        # What is kept for the end: as long as the longest judgement has taken, and half as long again.
        self.kept = 0.0

    def seconds(self):
        return time.monotonic() - self.began

    def at(self, step):
        if self.limit is None:
            return step / self.steps if self.steps > 0 else 1.0
        return self.seconds() / max(1.0, self.limit - self.kept)


def save_weights(model, out):
    manifest, offset = [], 0
    with open(out / "weights.bin", "wb") as file:
        for name, tensor in model.state_dict().items():
            values = tensor.float().cpu().contiguous()
            file.write(ctypes.string_at(values.data_ptr(), 4 * values.numel()))
            manifest.append({"name": name, "shape": list(values.shape), "offset": offset})
            offset += values.numel() * 4
    (out / "weights.json").write_text(json.dumps({"config": CONFIG, "tensors": manifest}))


def load_weights(model, out):
    values = torch.frombuffer(bytearray((out / "weights.bin").read_bytes()), dtype=torch.float32)
    state = {}
    for tensor in json.loads((out / "weights.json").read_text())["tensors"]:
        first, count = tensor["offset"] // 4, math.prod(tensor["shape"])
        state[tensor["name"]] = values[first : first + count].view(tensor["shape"])
    model.load_state_dict(state)


def options():
    parser = argparse.ArgumentParser()
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, default=2500)
    length.add_argument("--minutes", type=float, help="of the whole run, instead of --steps")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--batch", type=int, help="tokens a step; 4096 on processors, 65536 on a card")
    parser.add_argument("--shares", default=SHARES, help="of the tokens")
    parser.add_argument("--rate", type=float, help="of Muon, for the matrices of the blocks; 0.006 on processors, 0.02 on a card")
    parser.add_argument("--adam-rate", type=float, help="of AdamW, for all else; 0.0015 on processors, 0.003 on a card")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="on processors")
    parser.add_argument("--bf16", action="store_true", help="where the processor computes with bfloat16; a card always does")
    parser.add_argument("--compile", action="store_true", help="the blocks, for a card")
    parser.add_argument("--start", action="store_true", help="with the weights in --out")
    parser.add_argument("--data", type=Path, default=BUILD)
    parser.add_argument("--out", type=Path, default=BUILD)
    return parser.parse_args()


def main():
    o = options()
    has_card = torch.cuda.is_available()
    device = torch.device("cuda" if o.device == "cuda" or (o.device == "auto" and has_card) else "cpu")
    on_card = device.type == "cuda"
    if on_card and not has_card:
        raise SystemExit("--device cuda: this PyTorch sees no NVIDIA card")
    autocast = on_card or o.bf16
    # A card computes one batch after the other anyway.
    pool = ThreadPoolExecutor(1 if on_card else o.threads)
    torch.set_float32_matmul_precision("high")
    torch.manual_seed(o.seed)
    o.out.mkdir(parents=True, exist_ok=True)

    subjects, shares = zip(*(part.split("=") for part in o.shares.split(",")))
    shares = [float(share) for share in shares]
    texts = Texts(o.data / "train", subjects)
    unseen = Texts(o.data / "valid", subjects)
    tokenizer = json.loads((o.data / "tokenizer.json").read_text())
    model = Model(CONFIG, len(tokenizer["tokenizer.ggml.tokens"])).to(device)
    matrices = [p for p in model.blk.parameters() if p.dim() == 2]
    others = [p for p in model.parameters() if all(p is not matrix for matrix in matrices)]
    rate, adam_rate = (given or usual for given, usual in zip((o.rate, o.adam_rate), RATE[device.type]))
    optimizers = [
        (Muon(matrices, rate, pool), rate),
        (torch.optim.AdamW(others, lr=adam_rate, betas=(0.9, 0.95), weight_decay=0), adam_rate),
    ]
    step, tokens, progress = 0, 0, Progress(o, 0.0)
    checkpoint = o.out / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location="cpu")
        model.load_state_dict(state["model"])
        for (optimizer, _), saved in zip(optimizers, state["optimizers"]):
            optimizer.load_state_dict(saved)
        step, tokens, progress = state["step"], state["tokens"], Progress(o, state["seconds"])
        print(f"going on from step {step}, {state['seconds'] / 60:.1f} minutes in")
    elif o.start:
        load_weights(model, o.out)
        print(f"beginning with the weights in {o.out}")
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, PyTorch {torch.__version__} on {device}")
    print(f"{len(texts.words):,} tokens in {len(texts.begins):,} texts", flush=True)
    if progress.at(step) >= 1:
        print("the run is over")
        return
    if o.compile:
        for block in model.blk:
            block.compile(dynamic=True)

    def save(seconds):
        states = [optimizer.state_dict() for optimizer, _ in optimizers]
        part = checkpoint.with_suffix(".part")
        state = {"model": model.state_dict(), "optimizers": states}
        torch.save({**state, "step": step, "tokens": tokens, "seconds": seconds}, part)
        part.replace(checkpoint)
        save_weights(model, o.out)

    def judge():
        began, cells = time.monotonic(), []
        for i, subject in enumerate(subjects):
            batches = unseen.batches(unseen.first(i, JUDGED[device.type]), AT_ONCE[device.type])
            loss, right = judged(model, batches, device, autocast)
            cells.append(f"{subject} {loss:.4f} {100 * right:.0f} %")
        line = f"{step},{tokens},{progress.seconds():.0f},{','.join(cells)}"
        print(line, flush=True)
        with open(o.out / "log.csv", "a") as log:
            log.write(line + "\n")
        progress.kept = max(progress.kept, 1.5 * (time.monotonic() - began))

    if o.minutes:
        judge()
        save(progress.seconds())
    saved = printed = time.monotonic()
    recent, since = torch.zeros((), device=device), (step, tokens)
    while (over := progress.at(step)) < 1:
        for optimizer, peak in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = peak * rate_at(step, over)
        rows = texts.drawn(shares, o.batch or BATCH[device.type], o.seed * 1_000_003 + step)
        batches = list(texts.batches(rows, AT_ONCE[device.type]))
        recent += gradients_of(model, batches, device, autocast, pool)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, _ in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        step, tokens = step + 1, tokens + texts.lengths[rows].sum().item()
        now, last = time.monotonic(), progress.at(step) >= 1
        if now - printed >= PRINT_EVERY or last:
            loss = recent.item() / (step - since[0])
            speed = (tokens - since[1]) / (time.monotonic() - printed)
            print(f"{step} loss {loss:.4f} {speed:,.0f} tokens/s, {100 * over:.0f} % done", flush=True)
            recent.zero_()
            printed, since = time.monotonic(), (step, tokens)
        # What was kept for the end counts as used.
        if last:
            save(max(progress.seconds(), progress.limit or 0.0))
        elif now - saved >= SAVE_EVERY:
            save(progress.seconds())
            saved = time.monotonic()
        if last or int(10 * progress.at(step)) > int(10 * over):
            judge()


if __name__ == "__main__":
    main()
