// Small matrix products whose factors are in the caches: what attention of one head is made of.
#pragma once
#include "vector.h"

namespace notebooks {

// A factor by strides, so that it may be transposed.
struct Strided {
  const float* values;
  int64_t row;
  int64_t column;
};

// kRows × (kVectors · kWidth) results, held in registers.
template <int kRows, int kVectors>
inline void MultiplyTile(int64_t depth, Strided a, const float* b, int64_t bRow, float* c, int64_t cRow, bool add) {
  Vector sums[kRows][kVectors];
#pragma GCC unroll 8
  for (int row = 0; row < kRows; row++) {
#pragma GCC unroll 4
    for (int vector = 0; vector < kVectors; vector++)
      sums[row][vector] = add ? Load(c + row * cRow + vector * kWidth) : Vector{};
  }
  for (int64_t k = 0; k < depth; k++) {
    Vector factors[kVectors];
#pragma GCC unroll 4
    for (int vector = 0; vector < kVectors; vector++) factors[vector] = Load(b + k * bRow + vector * kWidth);
#pragma GCC unroll 8
    for (int row = 0; row < kRows; row++) {
      const Vector factor = Broadcast(a.values[row * a.row + k * a.column]);
#pragma GCC unroll 4
      for (int vector = 0; vector < kVectors; vector++) sums[row][vector] += factor * factors[vector];
    }
  }
#pragma GCC unroll 8
  for (int row = 0; row < kRows; row++) {
#pragma GCC unroll 4
    for (int vector = 0; vector < kVectors; vector++) Store(c + row * cRow + vector * kWidth, sums[row][vector]);
  }
}

#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kTileVectors = 4;
#else
constexpr int kTileVectors = 2;
#endif
constexpr int kTileRows = 6;

template <int kVectors>
inline void MultiplyColumns(int64_t rows, int64_t depth, Strided a, const float* b, int64_t bRow, float* c, int64_t cRow,
                            bool add) {
  int64_t row = 0;
  for (; row + kTileRows <= rows; row += kTileRows) {
    const Strided part = {a.values + row * a.row, a.row, a.column};
    MultiplyTile<kTileRows, kVectors>(depth, part, b, bRow, c + row * cRow, cRow, add);
  }
  const Strided rest = {a.values + row * a.row, a.row, a.column};
  switch (rows - row) {
    case 5: MultiplyTile<5, kVectors>(depth, rest, b, bRow, c + row * cRow, cRow, add); break;
    case 4: MultiplyTile<4, kVectors>(depth, rest, b, bRow, c + row * cRow, cRow, add); break;
    case 3: MultiplyTile<3, kVectors>(depth, rest, b, bRow, c + row * cRow, cRow, add); break;
    case 2: MultiplyTile<2, kVectors>(depth, rest, b, bRow, c + row * cRow, cRow, add); break;
    case 1: MultiplyTile<1, kVectors>(depth, rest, b, bRow, c + row * cRow, cRow, add); break;
  }
}

// c (+)= a · b. a: rows × depth; b: depth × columns, c: rows × columns, both row by row; columns is a multiple of kWidth.
inline void Multiply(int64_t rows, int64_t columns, int64_t depth, Strided a, const float* b, int64_t bRow, float* c,
                     int64_t cRow, bool add) {
  int64_t column = 0;
  for (; column + kTileVectors * kWidth <= columns; column += kTileVectors * kWidth)
    MultiplyColumns<kTileVectors>(rows, depth, a, b + column, bRow, c + column, cRow, add);
  switch ((columns - column) / kWidth) {
    case 3: MultiplyColumns<3>(rows, depth, a, b + column, bRow, c + column, cRow, add); break;
    case 2: MultiplyColumns<2>(rows, depth, a, b + column, bRow, c + column, cRow, add); break;
    case 1: MultiplyColumns<1>(rows, depth, a, b + column, bRow, c + column, cRow, add); break;
  }
}

inline int64_t RoundUp(int64_t value) { return (value + kWidth - 1) / kWidth * kWidth; }

// rows × columns to columns × rows; `toRow` is at least `rows`, and what is between them becomes 0.
inline void Transpose(int64_t rows, int64_t columns, const float* from, int64_t fromRow, float* to, int64_t toRow) {
  for (int64_t column = 0; column < columns; column++) {
    for (int64_t row = 0; row < rows; row++) to[column * toRow + row] = from[row * fromRow + column];
    for (int64_t row = rows; row < toRow; row++) to[column * toRow + row] = 0;
  }
}

}  // namespace notebooks
