// Sums of squares of what matrices are multiplied with, by column: what importance matrices are made of.
#pragma once
#include "kernels.h"

namespace tl {

/** Of one operation: [matrices, columns] sums and [matrices] counts of rows. Empty for those that multiply with no matrix. */
struct Squares {
  std::vector<double> sums, counts;
};

/** As many zeros as the operation needs. */
Squares squares_of(const Op &op);

/** Adds a step's inputs of the operation, of which only matmuls have any; called by every thread, before the operation runs. */
void add_squares(const Op &op, const Batch &batch, const Team &team, Squares &squares);

} // namespace tl
