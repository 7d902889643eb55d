// The arithmetic at one level: compiled again for each, with the flags of its instructions and NOTEBOOKS_LEVEL as the name of its table.
// All of it is in an unnamed namespace, and no inline function of a library is used: the linker keeps one copy of those for the whole
// addon, and if it kept the one with the newest instructions, the addon would end on every older processor.
#include "adam-w.h"
#include "attention.h"
#include "batch-norm.h"
#include "filter-gradient.h"
#include "gelu.h"
#include "layer-norm.h"
#include "max-pool.h"
#include "residual.h"
#include "sgd.h"

namespace notebooks {

extern const Kernels NOTEBOOKS_LEVEL;

#define KERNELS_OF(type)                                                                                              \
  {                                                                                                                   \
    {LayerNorm<type>, BiasGelu<type>, BiasResidual<type>, Attention<type>},                                           \
        {LayerNormGrad<type>, BiasGeluGrad<type>, BiasResidualGrad<type>, AttentionGrad<type>, SumRows<type>},        \
        {ChannelAffine<type>, BatchStatistics<type>, Normalize<type>, BatchNormGrad<type>, MaxPool<type>, MaxPoolGrad<type>,  \
         FilterGradient<type>},                                                                                       \
        {AdamW<type>, Sgd<type>},                                                                                     \
  }
const Kernels NOTEBOOKS_LEVEL = {KERNELS_OF(float), KERNELS_OF(bfloat16)};
#undef KERNELS_OF

}  // namespace notebooks
