/* The header in C++: it compiles without a warning, links, and its structs are
 * initialised by "= {}". */

#include "ndshm.h"

int main()
{
    ndshm_error error = {};
    error.struct_size = sizeof error;
    ndshm_create_options options = {};
    options.struct_size = sizeof options;
    ndshm_segment segment = {};

    const int32_t status = ndshm_segment_create("", &options, &segment, &error);
    const bool refused = status == NDSHM_ERR_NAME && error.code == status;
    const bool closed = ndshm_segment_detach(&segment) == NDSHM_OK;
    return refused && closed && ndshm_abi_version() == NDSHM_ABI_VERSION ? 0 : 1;
}
