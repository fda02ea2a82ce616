# SPDX-License-Identifier: Apache-2.0
# `cmake --install`: the program, both libraries with their headers, the data, and a package for find_package(windtunnel).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/windtunnel)
set(data_dir ${CMAKE_INSTALL_DATADIR}/windtunnel)

install(TARGETS windtunnel_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS windtunnel_solvers windtunnel_modeling EXPORT windtunnelTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/windtunnel)

# Installed includes read as in the tree: #include "solvers/chain/generator.h" below include/windtunnel.
foreach(folder solvers modeling)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/windtunnel
    FILES_MATCHING PATTERN "*.h")
endforeach()

install(DIRECTORY ${PROJECT_SOURCE_DIR}/hardware_profiles DESTINATION ${data_dir} FILES_MATCHING PATTERN "*.yaml")
install(DIRECTORY ${PROJECT_SOURCE_DIR}/modeling/model_shapes DESTINATION ${data_dir} FILES_MATCHING PATTERN "*.yaml")

install(EXPORT windtunnelTargets NAMESPACE windtunnel:: DESTINATION ${package_dir})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/windtunnelConfig.cmake.in
  ${PROJECT_BINARY_DIR}/windtunnelConfig.cmake INSTALL_DESTINATION ${package_dir} PATH_VARS data_dir)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/windtunnelConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/windtunnelConfig.cmake ${PROJECT_BINARY_DIR}/windtunnelConfigVersion.cmake
  DESTINATION ${package_dir})
