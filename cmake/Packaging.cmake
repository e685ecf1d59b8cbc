# cpack makes a Debian package, and with CPackSourceConfig.cmake the source tarball. Files that are only in the package
# are the component `debian`, which a plain `cmake --install` omits.
set(LONC_PACKAGE_RELEASE 0lonc1 CACHE STRING "Debian revision of the package; 0... comes before any of Debian's own")
set(LONC_PACKAGE_CONTACT "The lonc authors <lonc@lonc.invalid>" CACHE STRING "Who answers for the package")
set(debian_version ${PROJECT_VERSION}-${LONC_PACKAGE_RELEASE})

function(install_for_debian)
  install(${ARGN} COMPONENT debian EXCLUDE_FROM_ALL)
endfunction()

set(debian ${PROJECT_SOURCE_DIR}/config/debian)
foreach(file changelog copyright)
  configure_file(${debian}/${file}.in ${PROJECT_BINARY_DIR}/debian/${file} @ONLY)
  install_for_debian(FILES ${PROJECT_BINARY_DIR}/debian/${file} DESTINATION ${CMAKE_INSTALL_DOCDIR})
endforeach()
install_for_debian(FILES ${debian}/lonc.logrotate DESTINATION /etc/logrotate.d RENAME lonc)
install_for_debian(FILES ${debian}/logrotate.conf DESTINATION /etc/lonc)
install_for_debian(FILES ${debian}/lonc.sysusers DESTINATION lib/sysusers.d RENAME lonc.conf)
install_for_debian(FILES ${debian}/lonc.tmpfiles DESTINATION lib/tmpfiles.d RENAME lonc.conf)
install_for_debian(PROGRAMS ${debian}/lonDaemons-lonc DESTINATION share/lonc)
install_for_debian(PROGRAMS ${debian}/loncapa-files DESTINATION lib/lonc)

set(CPACK_PACKAGE_NAME lonc)
set(CPACK_PACKAGE_VENDOR "The lonc authors")
set(CPACK_PACKAGE_CONTACT ${LONC_PACKAGE_CONTACT})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "connections of a LON-CAPA server to its peers")
set(CPACK_PACKAGE_DESCRIPTION
  "A LON-CAPA network is a set of campus servers that share courses and users.
lonc keeps the connections of one server to all others open, and
shares them among the workers of its web server: each writes a line to a
UNIX socket and reads the answer.
.
It replaces the Perl daemon of the same name, is a single process, reports at
once when a peer is away, and delivers messages left for it when it is back.")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_VERBATIM_VARIABLES ON)

# The installed files depend on the prefix, so the package is assembled with DESTDIR.
set(CPACK_GENERATOR DEB)
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_INSTALL_CMAKE_PROJECTS
  "${PROJECT_BINARY_DIR};lonc;ALL;/"
  "${PROJECT_BINARY_DIR};lonc;debian;/")
set(built_for_conf ${CMAKE_INSTALL_FULL_SYSCONFDIR}/lonc/lonc.conf)
configure_file(${CMAKE_CURRENT_LIST_DIR}/debian_layout.cmake.in ${PROJECT_BINARY_DIR}/debian_layout.cmake @ONLY)
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_BINARY_DIR}/debian_layout.cmake)

execute_process(COMMAND dpkg --print-architecture OUTPUT_VARIABLE architecture OUTPUT_STRIP_TRAILING_WHITESPACE)
set(LONC_DEB ${PROJECT_BINARY_DIR}/lonc_${debian_version}_${architecture}.deb) # for the tests
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE ${LONC_PACKAGE_RELEASE})
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "init-system-helpers (>= 1.54~), systemd | systemd-standalone-sysusers | systemd-sysusers")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS logrotate)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "default-mta | mail-transport-agent, psmisc")
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
  ${debian}/conffiles ${debian}/postinst ${debian}/prerm ${debian}/postrm)

set(CPACK_SOURCE_GENERATOR TGZ)
set(CPACK_SOURCE_PACKAGE_FILE_NAME lonc-${PROJECT_VERSION})
set(CPACK_SOURCE_IGNORE_FILES "^${PROJECT_SOURCE_DIR}/build/" "/\\.git/" "/\\.git$" "/__pycache__/" "~$")

include(CPack)
