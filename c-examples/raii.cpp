/*
 * raii.cpp: ndshm in C++: a grid that detaches itself, views by index, errors
 *
 *     c++ -std=c++17 raii.cpp $(pkg-config --cflags --libs ndshm-core)
 */

#include <cstdio>
#include <numeric>
#include <string>

#include <unistd.h>

#include "ndshm.hpp"

using namespace std::chrono_literals;

/* Makes a grid. The type is part of the call, so it cannot be wrong. */
static ndshm::segment make(const std::string &name)
{
    auto draft = ndshm::draft::create<double>(name, {20, 30});
    auto grid = draft.view_mut<double, 2>();
    for (std::size_t i = 0; i < grid.extent(0); i++)
        for (std::size_t j = 0; j < grid.extent(1); j++)
            grid(i, j) = 100.0 * static_cast<double>(i) + static_cast<double>(j);
    return draft.publish(); /* if anything throws before, the draft is discarded */
}

int main()
{
    const std::string name = "raii." + std::to_string(getpid());
    try {
        const ndshm::segment made = make(name);
        {
            const auto seen = ndshm::segment::attach(name, ndshm::access::read, 5s);
            const auto grid = seen.view<double, 2>(); /* compared with the dtype */
            const auto all = seen.values<double>();   /* the same, one behind the other */
            std::printf("%s: %zu elements, last %g, sum %g, attached by %u\n",
                        seen.dtype().c_str(), all.size(), grid(19, 29),
                        std::accumulate(all.begin(), all.end(), 0.0), seen.refcount());
        } /* detached */
        std::printf("attached by %u\n", made.refcount());

        /* What can be expected to fail need not throw. */
        ndshm::error error;
        made.values<float>(error);
        std::printf("as float: %s\n", error.what());

        ndshm::segment::attach("raii.nobody", ndshm::access::read, 10ms);
    } catch (const ndshm::error &error) {
        std::printf("caught: %s (%d)\n", error.what(), static_cast<int>(error.code()));
        return error.code() == NDSHM_ERR_NOT_FOUND ? 0 : 1;
    }
    return 1;
}
