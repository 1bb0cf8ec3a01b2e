/*
 * server LIB [clickhouse-local arguments]: runs ClickHouse out of the shared library LIB (libchdb.so).
 *
 * No package registry carries a current clickhouse-server, but npm carries the embedded engine, which exports the
 * main function of clickhouse-local. Its last query reads standard input, so the server lives until that is closed:
 * a graceful stop is an end of file, and a parent that dies closes it too.
 */
#include <dlfcn.h>
#include <stdio.h>

typedef void *query_cmdline(int argc, char **argv);
typedef const char *result_error(void *result);

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: server LIB [clickhouse-local arguments]\n");
        return 2;
    }
    void *lib = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
    if (!lib) {
        fprintf(stderr, "load ClickHouse: %s\n", dlerror());
        return 1;
    }
    query_cmdline *run = (query_cmdline *)dlsym(lib, "chdb_query_cmdline");
    result_error *error_of = (result_error *)dlsym(lib, "chdb_result_error");
    if (!run || !error_of) {
        fprintf(stderr, "load ClickHouse: %s lacks chdb_query_cmdline or chdb_result_error: a release before 26.7\n", argv[1]);
        return 1;
    }
    argv[1] = "clickhouse-local";
    void *result = run(argc - 1, argv + 1);
    const char *err = result ? error_of(result) : "no result";
    if (err) {
        fprintf(stderr, "%s\n", err);
        return 1;
    }
    return 0;
}
