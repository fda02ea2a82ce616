# SPDX-License-Identifier: Apache-2.0
# How a windtunnel target is compiled: C++20, the repository root as the one include directory, warnings, sanitizers.
function(windtunnel_compile_options target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
    # Designated initialisers leave members at their stated defaults on purpose.
    -Wno-missing-field-initializers
    # GCC 12 sees an overlap in every `"text" + string` that it inlines (GCC bug 105651).
    $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>)
  if(WINDTUNNEL_WARNINGS_AS_ERRORS)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(WINDTUNNEL_SANITIZE)
    target_compile_options(${target} PUBLIC -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=address,undefined)
    # The instrumentation hides initialisations from GCC's analysis, also inside <regex> and Boost (GCC bug 105562).
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  endif()
endfunction()

# Compiles a library room by room instead of file by file. Worth it where everything is compiled once: the headers of
# Eigen and fmt are then read once per room. Called when all sources are named. Names in the anonymous namespaces of a
# room must differ for this, which a reader of the room is glad of too.
function(windtunnel_compile_by_room target)
  if(NOT WINDTUNNEL_UNITY)
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  get_target_property(sources ${target} SOURCES)
  get_target_property(home ${target} SOURCE_DIR)
  foreach(source IN LISTS sources)
    cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY ${home})
    cmake_path(GET source PARENT_PATH folder)
    cmake_path(RELATIVE_PATH folder BASE_DIRECTORY ${PROJECT_SOURCE_DIR})
    string(MAKE_C_IDENTIFIER "${folder}" room)
    set_source_files_properties(${source} TARGET_DIRECTORY ${target} PROPERTIES UNITY_GROUP ${room})
  endforeach()
endfunction()

# One stage of modeling/: an object library that all go into windtunnel::modeling.
#   windtunnel_stage(spec SOURCES a.cpp b.cpp USES Boost::headers)
function(windtunnel_stage name)
  cmake_parse_arguments(arg "" "" "SOURCES;USES" ${ARGN})
  add_library(windtunnel_${name} OBJECT ${arg_SOURCES})
  windtunnel_compile_options(windtunnel_${name})
  target_link_libraries(windtunnel_${name} PUBLIC fmt::fmt Eigen3::Eigen PRIVATE ${arg_USES})
endfunction()

# One Catch2 executable, one ctest entry.
#   windtunnel_test(solvers SOURCES stationary_test.cpp USES windtunnel::solvers)
function(windtunnel_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;USES" ${ARGN})
  add_executable(test_${name} ${arg_SOURCES})
  windtunnel_compile_options(test_${name})
  target_link_libraries(test_${name} PRIVATE windtunnel_catch2_main ${arg_USES})
  target_compile_definitions(test_${name} PRIVATE
    WINDTUNNEL_SOURCE_DIR="${PROJECT_SOURCE_DIR}" WINDTUNNEL_BINARY_DIR="${PROJECT_BINARY_DIR}")
  add_test(NAME ${name} COMMAND test_${name})
endfunction()

# One benchmark executable; exits non-zero when its answer is not usable.
function(windtunnel_benchmark name)
  cmake_parse_arguments(arg "" "" "SOURCES;USES" ${ARGN})
  add_executable(bench_${name} ${arg_SOURCES})
  windtunnel_compile_options(bench_${name})
  target_link_libraries(bench_${name} PRIVATE ${arg_USES})
endfunction()
