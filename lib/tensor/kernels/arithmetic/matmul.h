// Small matrix products whose factors are in the caches: what attention of one head is made of.
#pragma once
#include "vector.h"

namespace notebooks {
namespace {

// A factor by strides, so that it may be transposed.
struct Strided {
  const float* values;
  int64_t row;
  int64_t column;
};

// Where the processor multiplies pairs of bfloat16, a float's place may hold such a pair, one above the other along the depth.
#if defined(__AVX512BF16__) || defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
constexpr bool kHasPairs = true;
#else
constexpr bool kHasPairs = false;
#endif

template <bool kPairs>
inline Vector AddProduct(Vector sum, Vector a, Vector b) {
#if defined(__AVX512BF16__)
#if defined(__clang__) && __clang_major__ >= 16
  __asm__("" : "+v"(a));  // versions 16 and 17 crash over a float in all lanes that is read as bfloat16
#endif
  if constexpr (kPairs) return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
#elif defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
  if constexpr (kPairs) return vbfdotq_f32(sum, vreinterpretq_bf16_f32(a), vreinterpretq_bf16_f32(b));
#endif
  return MultiplyAdd(a, b, sum);
}

// A row of floats to half as many pairs; `count` is a multiple of kWidth, and `to` may be `from`.
inline void PackPairs(const float* from, int64_t count, float* to) {
  for (int64_t at = 0; at < count; at += 2 * kWidth) {
    const bool whole = at + kWidth < count;
    const Vector low = Load(from + at), high = whole ? Load(from + at + kWidth) : Vector{};
#if defined(__AVX512BF16__)
    const __m512bh pairs = _mm512_cvtne2ps_pbh(high, low);
    memcpy(to + at / 2, &pairs, (whole ? kWidth : kWidth / 2) * sizeof(float));
#else
    bfloat16 pairs[2 * kWidth];
    Store(pairs, low);
    Store(pairs + kWidth, high);
    memcpy(to + at / 2, pairs, (whole ? kWidth : kWidth / 2) * sizeof(float));
#endif
  }
}

// Two rows of `count` floats to one of pairs, the first row's values below.
inline void PackRows(const float* first, const float* second, int64_t count, float* to) {
  for (int64_t at = 0; at < count; at += kWidth) {
#if defined(__AVX512BF16__)
    const auto half = [](const float* from) {
      return _mm512_cvtepu16_epi32(reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(Load(from))));
    };
    const __m512i pairs = _mm512_or_si512(half(first + at), _mm512_slli_epi32(half(second + at), 16));
    memcpy(to + at, &pairs, sizeof pairs);
#else
    const BitVector pairs = (RoundedBits(Load(first + at)) >> 16) | (RoundedBits(Load(second + at)) & 0xffff0000u);
    Store(to + at, reinterpret_cast<Vector>(pairs));
#endif
  }
}

// kRows × (kVectors · kWidth) results, held in registers.
template <bool kPairs, int kRows, int kVectors>
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
      for (int vector = 0; vector < kVectors; vector++)
        sums[row][vector] = AddProduct<kPairs>(sums[row][vector], factor, factors[vector]);
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

template <bool kPairs, int kVectors>
inline void MultiplyColumns(int64_t rows, int64_t depth, Strided a, const float* b, int64_t bRow, float* c, int64_t cRow,
                            bool add) {
  int64_t row = 0;
  for (; row + kTileRows <= rows; row += kTileRows) {
    const Strided part = {a.values + row * a.row, a.row, a.column};
    MultiplyTile<kPairs, kTileRows, kVectors>(depth, part, b, bRow, c + row * cRow, cRow, add);
  }
  const Strided rest = {a.values + row * a.row, a.row, a.column};
  switch (rows - row) {
    case 5: MultiplyTile<kPairs, 5, kVectors>(depth, rest, b, bRow, c + row * cRow, cRow, add); break;
    case 4: MultiplyTile<kPairs, 4, kVectors>(depth, rest, b, bRow, c + row * cRow, cRow, add); break;
    case 3: MultiplyTile<kPairs, 3, kVectors>(depth, rest, b, bRow, c + row * cRow, cRow, add); break;
    case 2: MultiplyTile<kPairs, 2, kVectors>(depth, rest, b, bRow, c + row * cRow, cRow, add); break;
    case 1: MultiplyTile<kPairs, 1, kVectors>(depth, rest, b, bRow, c + row * cRow, cRow, add); break;
  }
}

// c (+)= a · b, all float or, with kPairs, a and b in pairs. a: rows × depth; b: depth × columns, c: rows × columns,
// both row by row; columns is a multiple of kWidth.
template <bool kPairs = false>
inline void Multiply(int64_t rows, int64_t columns, int64_t depth, Strided a, const float* b, int64_t bRow, float* c,
                     int64_t cRow, bool add) {
  int64_t column = 0;
  for (; column + kTileVectors * kWidth <= columns; column += kTileVectors * kWidth)
    MultiplyColumns<kPairs, kTileVectors>(rows, depth, a, b + column, bRow, c + column, cRow, add);
  switch ((columns - column) / kWidth) {
    case 3: MultiplyColumns<kPairs, 3>(rows, depth, a, b + column, bRow, c + column, cRow, add); break;
    case 2: MultiplyColumns<kPairs, 2>(rows, depth, a, b + column, bRow, c + column, cRow, add); break;
    case 1: MultiplyColumns<kPairs, 1>(rows, depth, a, b + column, bRow, c + column, cRow, add); break;
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

}  // namespace
}  // namespace notebooks
