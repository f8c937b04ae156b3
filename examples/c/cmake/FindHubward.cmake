# Finds hubward by its hubward.pc, as `cargo cinstall` and examples/c/build-library install it: below
# CMAKE_PREFIX_PATH, in PKG_CONFIG_PATH, or where pkg-config looks by itself.
#
#     find_package(Hubward 0.1 REQUIRED)
#     target_link_libraries(program PRIVATE Hubward::shared)      # or Hubward::static
#
# Each target is there if its library is. Hubward_VERSION is the version. Before 1.0 a program needs the
# minor version that it was written for.

find_package(PkgConfig QUIET REQUIRED)
pkg_check_modules(PC_HUBWARD QUIET hubward)
set(Hubward_VERSION "${PC_HUBWARD_VERSION}")

find_path(Hubward_INCLUDE_DIR hubward.h HINTS ${PC_HUBWARD_INCLUDE_DIRS} NO_DEFAULT_PATH)
find_library(Hubward_SHARED_LIBRARY
    NAMES "${CMAKE_SHARED_LIBRARY_PREFIX}hubward${CMAKE_SHARED_LIBRARY_SUFFIX}"
    HINTS ${PC_HUBWARD_LIBRARY_DIRS} ${PC_HUBWARD_LIBDIR} NO_DEFAULT_PATH)
find_library(Hubward_STATIC_LIBRARY
    NAMES "${CMAKE_STATIC_LIBRARY_PREFIX}hubward${CMAKE_STATIC_LIBRARY_SUFFIX}"
    HINTS ${PC_HUBWARD_LIBRARY_DIRS} ${PC_HUBWARD_LIBDIR} NO_DEFAULT_PATH)
mark_as_advanced(Hubward_INCLUDE_DIR Hubward_SHARED_LIBRARY Hubward_STATIC_LIBRARY)

# One of the two is enough.
set(Hubward_LIBRARY "${Hubward_SHARED_LIBRARY}")
if(NOT Hubward_LIBRARY)
    set(Hubward_LIBRARY "${Hubward_STATIC_LIBRARY}")
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Hubward
    REQUIRED_VARS Hubward_LIBRARY Hubward_INCLUDE_DIR
    VERSION_VAR Hubward_VERSION)

if(Hubward_FOUND AND Hubward_SHARED_LIBRARY AND NOT TARGET Hubward::shared)
    add_library(Hubward::shared SHARED IMPORTED)
    set_target_properties(Hubward::shared PROPERTIES
        IMPORTED_LOCATION "${Hubward_SHARED_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${Hubward_INCLUDE_DIR}")
endif()
if(Hubward_FOUND AND Hubward_STATIC_LIBRARY AND NOT TARGET Hubward::static)
    # What Rust's standard library needs of the system is named in hubward.pc; hubward itself by its path,
    # for by its name a linker would take the shared one.
    set(_Hubward_system ${PC_HUBWARD_STATIC_LIBRARIES})
    list(REMOVE_ITEM _Hubward_system hubward)
    add_library(Hubward::static STATIC IMPORTED)
    set_target_properties(Hubward::static PROPERTIES
        IMPORTED_LOCATION "${Hubward_STATIC_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${Hubward_INCLUDE_DIR}"
        INTERFACE_LINK_LIBRARIES "${_Hubward_system}")
    unset(_Hubward_system)
endif()
