/*
 * records.cpp: an array of structs in C++, with the compiler's layout
 *
 * NDSHM_RECORD names the fields once; type, offsets and size are the compiler's.
 * A reader whose struct differs gets an error and not garbage.
 */

#include <cstdio>
#include <string>

#include <unistd.h>

#include "ndshm.hpp"

struct vertex {
    float x, y, z;
};

struct triangle {
    char tag[6];
    vertex corners[3];
    double area;
};

/* The same names, but an older version of the program had no double yet. */
struct old_triangle {
    char tag[6];
    vertex corners[3];
    float area;
};

NDSHM_RECORD(vertex, x, y, z)
NDSHM_RECORD(triangle, tag, corners, area)
NDSHM_RECORD(old_triangle, tag, corners, area)

int main()
{
    const std::string name = "records-cpp." + std::to_string(getpid());
    try {
        auto draft = ndshm::draft::create<triangle>(name, {1000});
        int n = 0;
        for (triangle &t : draft.values_mut<triangle>())
            t = {"steel", {{0, 0, 0}, {1, 0, 0}, {0, 1, 0}}, 0.5 * n++};
        const ndshm::segment made = draft.publish();
        std::printf("%s\n", made.dtype().c_str());

        const auto seen = ndshm::segment::attach(name);
        double area = 0;
        for (const triangle &t : seen.values<triangle>())
            area += t.area;
        std::printf("%zu of %s, area %g\n", seen.values<triangle>().size(),
                    seen.values<triangle>()[0].tag, area);

        seen.values<old_triangle>();
    } catch (const ndshm::error &error) {
        std::printf("caught: %s\n", error.what());
        return error.code() == NDSHM_ERR_DTYPE_DIFFERS ? 0 : 1;
    }
    return 1;
}
