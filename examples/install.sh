# install.sh install|uninstall: hfy.h, libhfy.a, pkg-config and CMake files under $DESTDIR$PREFIX (make install, uninstall).
# What is installed finds its own prefix, so the tree may be moved as a whole. $LIBRARIES: those in $BUILD to install.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
to=${DESTDIR-}${PREFIX:-/usr/local}
version=$(sed -n 's/^#define HFY_VERSION "\(.*\)"/\1/p' "$here/../hfy.h")

if [ "$1" = uninstall ]; then
    rm -f "$to/include/hfy.h" "$to/lib/libhfy.a" "$to/lib/libhfy_d.a" "$to/lib/pkgconfig/hfy.pc" \
        "$to/lib/pkgconfig/hfy-static.pc" "$to/lib/pkgconfig/hfy-static-d.pc"
    rm -f "$to/lib/cmake/hfy/hfyConfig.cmake" "$to/lib/cmake/hfy/hfyConfigVersion.cmake" "$to/share/doc/hfy/LICENSE"
    rmdir "$to/lib/cmake/hfy" "$to/share/doc/hfy" 2>/dev/null || true
    echo "removed hfy.h from $to"
    exit 0
fi

put() { # FROM DIRECTORY
    mkdir -p "$to/$2"
    cp "$1" "$to/$2/"
    chmod 644 "$to/$2/$(basename "$1")"
}
put "$here/../hfy.h" include
put "$here/../LICENSE" share/doc/hfy
mkdir -p "$to/lib/pkgconfig" "$to/lib/cmake/hfy"

pc() { # NAME DESCRIPTION CFLAGS LIBS
    # shellcheck disable=SC2016
    printf '%s\n' 'prefix=${pcfiledir}/../..' 'includedir=${prefix}/include' 'libdir=${prefix}/lib' '' "Name: $1" \
        "Description: $2" "Version: $version" "URL: https://arxiv.org/abs/2411.08590" "Cflags: -I\${includedir}$3" \
        "Libs: $4-lm" >"$to/lib/pkgconfig/$1.pc"
}
pc hfy "associative memory in one C99 header; one of your files defines HFY_IMPLEMENTATION" "" ""
for library in $LIBRARIES; do
    put "$BUILD/$library" lib
    case $library in
    libhfy.a) pc hfy-static "associative memory: hfy.h, compiled" "" "-L\${libdir} -lhfy " ;;
    libhfy_d.a) pc hfy-static-d "associative memory: hfy.h, compiled with HFY_DOUBLE" " -DHFY_DOUBLE" \
        "-L\${libdir} -lhfy_d " ;;
    esac
done

cat >"$to/lib/cmake/hfy/hfyConfig.cmake" <<'END'
# hfy::hfy       the header: one of your files defines HFY_IMPLEMENTATION
# hfy::static    the compiled library, and the header; hfy::static_d: of HFY_DOUBLE, where it was installed
get_filename_component(_hfy_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
if(NOT TARGET hfy::hfy)
  add_library(hfy::hfy INTERFACE IMPORTED)
  set_target_properties(hfy::hfy PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${_hfy_prefix}/include")
  if(UNIX)
    set_target_properties(hfy::hfy PROPERTIES INTERFACE_LINK_LIBRARIES m)
  endif()
  foreach(_hfy_name "" "_d")
    if(EXISTS "${_hfy_prefix}/lib/libhfy${_hfy_name}.a")
      add_library(hfy::static${_hfy_name} STATIC IMPORTED)
      set_target_properties(hfy::static${_hfy_name} PROPERTIES
        IMPORTED_LOCATION "${_hfy_prefix}/lib/libhfy${_hfy_name}.a" INTERFACE_LINK_LIBRARIES hfy::hfy)
    endif()
  endforeach()
  if(TARGET hfy::static_d)
    set_target_properties(hfy::static_d PROPERTIES INTERFACE_COMPILE_DEFINITIONS HFY_DOUBLE)
  endif()
endif()
unset(_hfy_prefix)
END
cat >"$to/lib/cmake/hfy/hfyConfigVersion.cmake" <<END
# Fits a request for this minor version (while the major one is 0, each may change the interface) and at most this patch.
set(PACKAGE_VERSION "$version")
set(_hfy_asked "\${PACKAGE_FIND_VERSION_MAJOR}.\${PACKAGE_FIND_VERSION_MINOR}")
if(PACKAGE_FIND_VERSION_COUNT LESS 2)
  set(_hfy_asked "${version%.*}")
endif()
if(_hfy_asked VERSION_EQUAL "${version%.*}" AND NOT PACKAGE_FIND_VERSION VERSION_GREATER PACKAGE_VERSION)
  set(PACKAGE_VERSION_COMPATIBLE TRUE)
  if(PACKAGE_FIND_VERSION VERSION_EQUAL PACKAGE_VERSION)
    set(PACKAGE_VERSION_EXACT TRUE)
  endif()
endif()
END
echo "installed hfy.h $version in $to"
