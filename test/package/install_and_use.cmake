# SPDX-License-Identifier: Apache-2.0
cmake_minimum_required(VERSION 3.25)

function(run)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY ${scratch}/elsewhere
    RESULT_VARIABLE status OUTPUT_VARIABLE out ERROR_VARIABLE err)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${ARGN}\nexit ${status}\n${out}\n${err}")
  endif()
  set(out "${out}" PARENT_SCOPE)
endfunction()

function(expect text wanted)
  string(FIND "${text}" "${wanted}" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "expected '${wanted}' in:\n${text}")
  endif()
endfunction()

set(prefix ${scratch}/prefix)
file(REMOVE_RECURSE ${prefix} ${scratch}/consumer_build ${scratch}/elsewhere)
file(MAKE_DIRECTORY ${scratch}/elsewhere)
run(${CMAKE_COMMAND} --install ${build} --prefix ${prefix})

# A profile that only the install tree has shows whose data the installed program reads.
set(devices ${prefix}/share/windtunnel/hardware_profiles/devices)
file(READ ${devices}/h100-sxm-80gb.yaml profile)
string(REPLACE "name: h100-sxm-80gb" "name: only-installed" profile "${profile}")
file(WRITE ${devices}/only-installed.yaml "${profile}")
run(${prefix}/bin/windtunnel profiles)
expect("${out}" "only-installed")
run(${prefix}/bin/windtunnel run ${spec} --set cluster.device=only-installed)
expect("${out}" "step_time_mean_s")

run(${CMAKE_COMMAND} -S ${consumer} -B ${scratch}/consumer_build -G ${generator}
  -D CMAKE_BUILD_TYPE=${build_type} -D CMAKE_PREFIX_PATH=${prefix})
run(${CMAKE_COMMAND} --build ${scratch}/consumer_build)
# A program that does not stand beside the data names their folder, as docs/formats.md says.
run(${CMAKE_COMMAND} -E env WINDTUNNEL_DATA=${prefix}/share/windtunnel ${scratch}/consumer_build/consumer ${spec})
expect("${out}" "mean queue length")
expect("${out}" "step time")
