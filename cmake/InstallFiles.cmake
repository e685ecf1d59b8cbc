# Installation paths: the FHS through GNUInstallDirs. The prefix given to `cmake --install` counts, so everything that
# depends on it (the path in the unit, /etc for the prefix /usr) is determined at installation, not when configuring.
install(TARGETS lonc RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
install(TARGETS loncctl RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES ${PROJECT_BINARY_DIR}/docs/lonc.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES ${PROJECT_BINARY_DIR}/docs/loncctl.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${PROJECT_BINARY_DIR}/docs/lonc.conf.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
file(GLOB documents CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/*.md ${PROJECT_SOURCE_DIR}/docs/*.png
  ${PROJECT_SOURCE_DIR}/docs/*.svg)
install(FILES README.md CONTRIBUTING.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${documents} DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs)

set(unit_template ${PROJECT_SOURCE_DIR}/config/lonc.service.in)
set(default_conf ${PROJECT_BINARY_DIR}/config/lonc.conf)
configure_file(${CMAKE_CURRENT_LIST_DIR}/install_at_prefix.cmake.in
  ${PROJECT_BINARY_DIR}/install_at_prefix.cmake @ONLY)
install(SCRIPT ${PROJECT_BINARY_DIR}/install_at_prefix.cmake)
install(FILES config/status.html DESTINATION ${CMAKE_INSTALL_DATADIR}/lonc)
install(FILES ${PROJECT_BINARY_DIR}/src/ctl/loncctl.bash-completion
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME loncctl)
