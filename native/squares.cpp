// Sums of squares of what matrices are multiplied with, by column: what importance matrices are made of.
#include "squares.h"
#include <cmath>

namespace tl {

Squares squares_of(const Op &op) {
  if (op.kind == OpKind::matmul) return {std::vector<double>(op.inputs[0].columns), std::vector<double>(1)};
  if (op.kind != OpKind::matmul_experts) return {};
  const int columns = op.sum ? op.inputs[0].columns / op.used : op.inputs[0].columns;
  return {std::vector<double>(size_t(columns) * op.experts), std::vector<double>(op.experts)};
}

void add_squares(const Op &op, const Batch &batch, const Team &team, Squares &squares) {
  if (squares.sums.empty()) return;
  const Tensor &x = op.inputs[0];
  const int experts = int(squares.counts.size()), columns = int(squares.sums.size()) / experts, rows = batch.count(x.rows);
  // Each thread has columns of its own, and sees all rows.
  const Share share(columns, team);
  const auto add = [&](const float *row, int expert, double factor) {
    double *sums = squares.sums.data() + size_t(expert) * columns;
    for (int i = share.begin; i < share.end; i++) {
      const double value = row[i] * factor * (op.norm ? op.norm[i] : 1.0f);
      sums[i] += value * value;
    }
    if (team.index == 0) squares.counts[expert]++;
  };
  for (int r = 0; r < rows; r++) {
    const float *row = x.data + size_t(r) * x.columns;
    if (op.kind == OpKind::matmul) {
      double total = 0;
      if (op.norm)
        for (int i = 0; i < columns; i++) total += double(row[i]) * row[i];
      add(row, 0, op.norm ? 1 / std::sqrt(total / columns + op.eps) : 1);
    } else {
      const float *chosen = op.inputs[1].data + size_t(r) * op.inputs[1].columns;
      for (int u = 0; u < op.used; u++) add(op.sum ? row + size_t(u) * columns : row, int(chosen[u]), 1);
    }
  }
}

} // namespace tl
