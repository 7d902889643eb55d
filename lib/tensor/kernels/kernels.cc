// Operations that TensorFlow lacks, registered with it: each does in one pass over memory what would otherwise take five to ten.
// They run on the CPU; on a GPU, the files of lib/tensor that call them use TensorFlow's own operations.
#include "convolution-operations.h"
#include "optimizer-operations.h"
#include "transformer-operations.h"
