// SPDX-License-Identifier: Apache-2.0
// The frame of a page that works offline: no script, no fonts, no links to elsewhere; light, dark, paper.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace windtunnel::modeling {

/// `&`, `<`, `>` and quotes as entities; control characters left out.
std::string html_text(std::string_view text);

std::string html_page(const std::string& title, const std::string& body);

/// First row: headings. Columns after the first whose cells are all numbers stand right.
std::string html_table(const std::vector<std::vector<std::string>>& rows);

}  // namespace windtunnel::modeling
