"""Trains the built-in model: a small LLaMA on the windows of tokens that data.ts wrote.

    /usr/bin/python3 training/train.py [--steps 5000] [--threads 2] [--start CHECKPOINT]

Goes on from the last checkpoint (written every 100 steps and at the end into training/build); without one it begins with the
weights of --start, or with random ones. The same seed gives the same windows in the same order. The rate stays the same and
falls in the last part of the steps, so that a run can be cut short or made longer on the way. Ends with weights.bin (float32,
tensor after tensor) and weights.json, which export.ts makes a GGUF file of; --steps 0 writes them of the last checkpoint.
"""

import argparse
import json
import math
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

BUILD = Path(__file__).parent / "build"

# Row lengths are multiples of 256, so that every block format applies.
CONFIG = {"vocabulary": 2048, "dim": 256, "layers": 6, "heads": 4, "kv_heads": 2, "hidden": 512, "context": 512}
ROPE_BASE = 10_000.0
EPS = 1e-5


class RMSNorm(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        x = x.float()
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + EPS) * self.weight


def rotate(x, cos, sin):
    """Pairs (2i, 2i + 1), as LLaMA files have them; x is [batch, heads, tokens, head dim]."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)


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

    def forward(self, x, cos, sin):
        batch, tokens, dim = x.shape
        h = self.attn_norm(x)
        split = lambda y, heads: y.view(batch, tokens, heads, self.head_dim).transpose(1, 2)
        q = rotate(split(self.attn_q(h), self.heads), cos, sin)
        k = rotate(split(self.attn_k(h), self.kv_heads), cos, sin)
        v = split(self.attn_v(h), self.kv_heads)
        shared = self.heads // self.kv_heads
        k, v = k.repeat_interleave(shared, 1), v.repeat_interleave(shared, 1)
        # Written out: the function for it is younger than the PyTorch of some systems.
        q, k, v = (y.to(torch.bfloat16).flatten(0, 1) for y in (q, k, v))
        later = torch.full((tokens, tokens), -1e9, dtype=torch.bfloat16).triu(1).expand(q.shape[0], -1, -1)
        scores = torch.baddbmm(later, q, k.transpose(-2, -1), alpha=self.head_dim**-0.5)
        seen = (scores.softmax(-1).to(torch.bfloat16) @ v).unflatten(0, (batch, self.heads))
        x = x + self.attn_output(seen.transpose(1, 2).reshape(batch, tokens, dim))
        h = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(h)) * self.ffn_up(h))


class Model(nn.Module):
    """Embedding and output matrix are one."""

    def __init__(self, c):
        super().__init__()
        self.token_embd = nn.Embedding(c["vocabulary"], c["dim"])
        self.blk = nn.ModuleList(Block(c) for _ in range(c["layers"]))
        self.output_norm = RMSNorm(c["dim"])
        head_dim = c["dim"] // c["heads"]
        frequencies = ROPE_BASE ** (-torch.arange(0, head_dim, 2).float() / head_dim)
        angles = torch.outer(torch.arange(c["context"]).float(), frequencies)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, std=0.02)
            if name.endswith(("attn_output.weight", "ffn_down.weight")):
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * c["layers"]))

    def forward(self, ids, counted):
        """Logits of the positions `counted` of all windows in a row."""
        x = self.token_embd(ids)
        tokens = ids.shape[1]
        for block in self.blk:
            x = block(x, self.cos[:tokens], self.sin[:tokens])
        return F.linear(self.output_norm(x.flatten(0, 1)[counted]), self.token_embd.weight)


def windows(data, step, batch, seed):
    """Windows drawn at random, the same for the same step, and the weights of their tokens."""
    tokens, weights = data
    generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
    rows = torch.randint(len(tokens), (batch,), generator=generator)
    return tokens[rows].long(), weights[rows].float()


def loss_of(model, ids, weights):
    """The mean over tokens by weight; what has no weight is not even predicted."""
    inputs, targets, weights = ids[:, :-1], ids[:, 1:].flatten(), weights[:, 1:].flatten()
    counted = weights.nonzero().flatten()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(inputs, counted)
    losses = F.cross_entropy(logits.float(), targets[counted], reduction="none")
    return (losses * weights[counted]).sum() / weights.sum()


def rate_at(step, steps, peak):
    """Rises for 50 steps, stays, and falls to a twentieth over the last two fifths."""
    left = min(1.0, (steps - step) / (0.4 * steps))
    return peak * min(1.0, (step + 1) / 50) * (0.05 + 0.95 * left)


def load_windows(name):
    length = CONFIG["context"] + 1
    read = lambda suffix, dtype: torch.frombuffer(bytearray((BUILD / f"{name}.{suffix}").read_bytes()), dtype=dtype)
    return read("bin", torch.int16).view(-1, length), read("weights", torch.uint8).view(-1, length)


def save_weights(model):
    state = model.state_dict()
    manifest, offset = [], 0
    with open(BUILD / "weights.bin", "wb") as out:
        for name, tensor in state.items():
            values = tensor.float().contiguous()
            out.write(values.numpy().tobytes())
            full = name if name.endswith(".weight") else f"{name}.weight"
            manifest.append({"name": full, "shape": list(values.shape), "offset": offset})
            offset += values.numel() * 4
    (BUILD / "weights.json").write_text(json.dumps({"config": CONFIG, "tensors": manifest}))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=1.2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--start", type=Path)
    o = parser.parse_args()
    torch.set_num_threads(o.threads)
    torch.manual_seed(o.seed)
    train, valid = load_windows("train"), load_windows("valid")
    model = Model(CONFIG)
    decayed = [p for p in model.parameters() if p.dim() == 2]
    plain = [p for p in model.parameters() if p.dim() != 2]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=o.rate, betas=(0.9, 0.95))
    first, checkpoint = 0, BUILD / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]
        print(f"going on from step {first}")
    elif o.start:
        model.load_state_dict(torch.load(o.start)["model"])
        print(f"beginning with the weights of {o.start}")
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {o.batch * CONFIG['context']:,} tokens a step")

    def save(step):
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, f"{checkpoint}.part")
        Path(f"{checkpoint}.part").replace(checkpoint)

    began = time.time()
    with open(BUILD / "log.csv", "a") as log:
        for step in range(first, o.steps):
            for group in optimizer.param_groups:
                group["lr"] = rate_at(step, o.steps, o.rate)
            loss = loss_of(model, *windows(train, step, o.batch, o.seed))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            if (step + 1) % 50 == 0 or step + 1 == o.steps:
                with torch.no_grad():
                    judged = [loss_of(model, *windows(valid, i, 8, 7)) for i in range(2)]
                speed = (step + 1 - first) * o.batch * CONFIG["context"] / (time.time() - began)
                line = f"{step + 1},{loss.item():.4f},{sum(judged).item() / 2:.4f},{speed:.0f}"
                print(line, flush=True)
                log.write(line + "\n")
                log.flush()
            if (step + 1) % 100 == 0 or step + 1 == o.steps:
                save(step + 1)
    save_weights(model)


if __name__ == "__main__":
    main()
