// The recurrent half of an LSTM in bfloat16, for processors with units for it (AVX512-BF16, AMX).
//
// torch hands an LSTM to oneDNN, which lays out the weights anew at each of its time steps and
// computes all gates once more on the way back. Here they are laid out once, what the gates were is
// kept, and a step is one product and one pass over its rows. Gate order is torch's: input, forget,
// cell, output; each is a block of `width` columns.
#include <ATen/native/CPUBlas.h>
#include <torch/extension.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

using at::BFloat16;
namespace blas = at::native::cpublas;

namespace {

constexpr int64_t COLUMNS = 64;  // of a product's right side at once: four tiles wide

// Weights [rows, columns] as the multiplying units want them: blocks of COLUMNS, rows in pairs.
class Weights {
 public:
  Weights(const at::Tensor& matrix)
      : rows_(matrix.size(0)), columns_(matrix.size(1)), laid_out_(rows_ * columns_) {
    const auto* in = matrix.data_ptr<BFloat16>();
    auto* out = laid_out_.data();
    for (int64_t first = 0; first < columns_; first += COLUMNS)
      for (int64_t row = 0; row < rows_; row += 2)
        for (int64_t column = first; column < first + COLUMNS; ++column) {
          *out++ = in[row * columns_ + column];
          *out++ = in[(row + 1) * columns_ + column];
        }
  }

  // to [count, columns] = from [count, rows] times the weights
  void multiply(const BFloat16* from, float* to, int64_t count) const {
    for (int64_t first = 0; first < columns_; first += COLUMNS)
      blas::brgemm(count, COLUMNS, rows_, rows_, COLUMNS, columns_, false, from,
                   laid_out_.data() + first * rows_, to + first);
  }

 private:
  int64_t rows_, columns_;
  std::vector<BFloat16> laid_out_;
};

// Plain shifts, which the compiler turns into vectors; BFloat16's own conversions stay scalar.
inline float wide(uint16_t half) {
  const uint32_t bits = uint32_t(half) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline uint16_t half(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return uint16_t((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

// Beyond 30 it is 0 or 1 in any case, and an infinite exponential would make the quick division NaN.
inline float sigmoid(float x) {
  return 1.0f / (1.0f + std::exp(-std::min(std::max(x, -30.0f), 30.0f)));
}
inline float tanh_(float x) { return 2.0f * sigmoid(2.0f * x) - 1.0f; }

uint16_t* halves(at::Tensor& tensor) {
  return reinterpret_cast<uint16_t*>(tensor.data_ptr<BFloat16>());
}

}  // namespace

// gates [T, B, 4 width]: the inputs' part on entry, what the gates were on return.
// weights [width, 4 width]. Returns hidden [T, B, width] and, in float32, cells [T, B, width].
std::vector<at::Tensor> forward(at::Tensor gates, at::Tensor weights) {
  const int64_t frames = gates.size(0), batch = gates.size(1), width = weights.size(0);
  auto hidden = at::empty({frames, batch, width}, gates.options());
  auto cells = at::empty({frames, batch, width}, gates.options().dtype(at::kFloat));
  const Weights laid_out(weights);
  std::vector<float> recurrent(batch * 4 * width), start(width);
  for (int64_t t = 0; t < frames; ++t) {
    if (t) laid_out.multiply(hidden.data_ptr<BFloat16>() + (t - 1) * batch * width,
                             recurrent.data(), batch);
    for (int64_t b = 0; b < batch; ++b) {
      const int64_t row = t * batch + b;
      uint16_t* __restrict g = halves(gates) + row * 4 * width;
      const float* __restrict r = recurrent.data() + b * 4 * width;
      const float* __restrict before =
          t ? cells.data_ptr<float>() + (row - batch) * width : start.data();
      float* __restrict cell = cells.data_ptr<float>() + row * width;
      uint16_t* __restrict h = halves(hidden) + row * width;
#pragma GCC ivdep
      for (int64_t j = 0; j < width; ++j) {
        const float in = sigmoid(wide(g[j]) + r[j]);
        const float forget = sigmoid(wide(g[width + j]) + r[width + j]);
        const float fresh = tanh_(wide(g[2 * width + j]) + r[2 * width + j]);
        const float out = sigmoid(wide(g[3 * width + j]) + r[3 * width + j]);
        cell[j] = forget * before[j] + in * fresh;
        h[j] = half(out * tanh_(cell[j]));
        g[j] = half(in);
        g[width + j] = half(forget);
        g[2 * width + j] = half(fresh);
        g[3 * width + j] = half(out);
      }
    }
  }
  blas::brgemm_release();
  return {hidden, cells};
}

// gates [T, B, 4 width]: what they were on entry, their gradients on return.
// slopes [T, B, width] of the hidden outputs; cells as forward returned them; weights [4 width, width].
void backward(at::Tensor slopes, at::Tensor gates, at::Tensor cells, at::Tensor weights) {
  const int64_t frames = gates.size(0), batch = gates.size(1), width = weights.size(1);
  const Weights laid_out(weights);
  std::vector<float> recurrent(batch * width), carried(batch * width), start(width);
  for (int64_t t = frames - 1; t >= 0; --t) {
    if (t < frames - 1) laid_out.multiply(gates.data_ptr<BFloat16>() + (t + 1) * batch * 4 * width,
                                          recurrent.data(), batch);
    for (int64_t b = 0; b < batch; ++b) {
      const int64_t row = t * batch + b;
      uint16_t* __restrict g = halves(gates) + row * 4 * width;
      const uint16_t* __restrict slope = halves(slopes) + row * width;
      const float* __restrict cell = cells.data_ptr<float>() + row * width;
      const float* __restrict before =
          t ? cells.data_ptr<float>() + (row - batch) * width : start.data();
      const float* __restrict r = recurrent.data() + b * width;
      float* __restrict carry = carried.data() + b * width;
#pragma GCC ivdep
      for (int64_t j = 0; j < width; ++j) {
        const float in = wide(g[j]), forget = wide(g[width + j]);
        const float fresh = wide(g[2 * width + j]), out = wide(g[3 * width + j]);
        const float shown = tanh_(cell[j]);
        const float dh = r[j] + wide(slope[j]);
        const float dc = carry[j] + dh * out * (1.0f - shown * shown);
        g[j] = half(dc * fresh * in * (1.0f - in));
        g[width + j] = half(dc * before[j] * forget * (1.0f - forget));
        g[2 * width + j] = half(dc * in * (1.0f - fresh * fresh));
        g[3 * width + j] = half(dh * shown * out * (1.0f - out));
        carry[j] = dc * forget;
      }
    }
  }
  blas::brgemm_release();
}

PYBIND11_MODULE(TORCH_EXTENSION_NAME, module) {
  module.def("forward", &forward, py::call_guard<py::gil_scoped_release>());
  module.def("backward", &backward, py::call_guard<py::gil_scoped_release>());
}
