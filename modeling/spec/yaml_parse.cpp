// SPDX-License-Identifier: Apache-2.0
// The one file that includes yaml-cpp: its event interface fills our own tree, so that every limit is checked while
// parsing and no node of the library's, with its silent conversions, is ever seen.
#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>
#include <unordered_map>

#include "modeling/spec/nearest_name.h"
#include "modeling/spec/yaml_text.h"
#include "modeling/spec/yaml_tree.h"

namespace windtunnel::modeling {
namespace {

using Kind = YamlNode::Kind;

// A list or map whose end has not come yet.
struct OpenNode {
  YamlNode node;
  YAML::anchor_t anchor = 0;
  /// The key that waits for its value; maps only.
  std::optional<YamlKey> key;
  /// Line of each key, to find a repeated one without searching.
  std::unordered_map<std::string, int> key_lines;
};

class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(std::string file, const YamlLimits& limits) : file_(std::move(file)), limits_(limits) {}

  YamlNodePointer root() const { return root_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (started_) fail(mark, "a second document starts here, expected one document per file");
    started_ = true;
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    YamlNode node = make(Kind::kNull, mark);
    if (!open_.empty() && open_.back().key) node.location = open_.back().key->location;
    add(mark, anchor, std::move(node));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check_tag(mark, tag);
    if (value.find('\0') != std::string::npos) fail(mark, "NUL byte in a text");
    YamlNode node = make(Kind::kScalar, mark);
    node.text = value;
    node.quoted = tag == "!";
    add(mark, anchor, std::move(node));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) fail(mark, "alias stands inside its own anchor");
    if (takes_key()) fail(mark, "a key must be plain text, found an alias");
    count(mark, found->second->nodes);
    attach(found->second);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Kind::kList);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Kind::kMap);
  }
  void OnMapEnd() override { close(); }

 private:
  SourceLocation location(const YAML::Mark& mark) const { return {file_, mark.line + 1, mark.column + 1}; }

  [[noreturn]] void fail(const YAML::Mark& mark, const std::string& message) const {
    throw SpecError(location(mark), message);
  }

  YamlNode make(Kind kind, const YAML::Mark& mark) const {
    YamlNode node;
    node.kind = kind;
    node.location = location(mark);
    return node;
  }

  void check_tag(const YAML::Mark& mark, const std::string& tag) const {
    if (!tag.empty() && tag != "?" && tag != "!") fail(mark, fmt::format("tag {} is not supported", in_quotes(tag)));
  }

  void count(const YAML::Mark& mark, std::size_t nodes) {
    nodes_ += nodes;
    if (nodes_ > limits_.max_nodes) fail(mark, fmt::format("more than {} values, aliases expanded", limits_.max_nodes));
  }

  bool takes_key() const { return !open_.empty() && open_.back().node.kind == Kind::kMap && !open_.back().key; }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Kind kind) {
    check_tag(mark, tag);
    if (takes_key()) fail(mark, "found a list or map where a key is expected, is a bracket not closed?");
    if (open_.size() >= static_cast<std::size_t>(limits_.max_depth)) {
      fail(mark, fmt::format("more than {} levels deep", limits_.max_depth));
    }
    count(mark, 1);
    open_.push_back({make(kind, mark), anchor, std::nullopt, {}});
  }

  void close() {
    OpenNode closed = std::move(open_.back());
    open_.pop_back();
    finish(closed.anchor, std::move(closed.node));
  }

  void add(const YAML::Mark& mark, YAML::anchor_t anchor, YamlNode node) {
    if (takes_key()) return take_key(mark, node);
    count(mark, 1);
    finish(anchor, std::move(node));
  }

  void take_key(const YAML::Mark& mark, const YamlNode& node) {
    if (node.kind != Kind::kScalar) fail(mark, "a key must be plain text, found nothing");
    if (node.text == "<<") fail(mark, "merge key '<<' is not supported, write the keys out");
    const auto [first, is_new] = open_.back().key_lines.emplace(node.text, node.location.line);
    if (!is_new) fail(mark, fmt::format("repeated key {}, first at line {}", in_quotes(node.text), first->second));
    open_.back().key = YamlKey{node.text, node.location};
  }

  void finish(YAML::anchor_t anchor, YamlNode node) {
    const auto shared = std::make_shared<const YamlNode>(std::move(node));
    if (anchor != YAML::NullAnchor) anchors_[anchor] = shared;
    attach(shared);
  }

  void attach(const YamlNodePointer& node) {
    if (open_.empty()) {
      root_ = node;
      return;
    }
    OpenNode& parent = open_.back();
    parent.node.nodes += node->nodes;
    if (parent.node.kind == Kind::kList) return parent.node.items.push_back(node);
    parent.node.entries.emplace_back(std::move(*parent.key), node);
    parent.key.reset();
  }

  std::string file_;
  YamlLimits limits_;
  std::vector<OpenNode> open_;
  std::map<YAML::anchor_t, YamlNodePointer> anchors_;
  YamlNodePointer root_;
  std::size_t nodes_ = 0;
  bool started_ = false;
};

// The column (from 1) of a tab in the indentation of a line, or 0.
int tab_in_indentation(const std::string& text, int line) {
  std::istringstream lines(text);
  std::string content;
  for (int i = 0; i <= line; ++i) std::getline(lines, content);
  const std::size_t indentation = std::min(content.find_first_not_of(" \t"), content.size());
  return static_cast<int>(content.substr(0, indentation).find('\t') + 1);
}

// The library speaks of what its state machine met; a tab is the one cause that it does not name.
[[noreturn]] void fail_at_syntax(const YAML::Exception& error, const std::string& text, const std::string& file) {
  if (error.mark.is_null()) throw SpecError({file, 0, 0}, "not valid YAML: " + error.msg);
  const int line = error.mark.line + 1;
  const int tab = tab_in_indentation(text, error.mark.line);
  if (tab > 0) throw SpecError({file, line, tab}, "tab in the indentation, expected spaces");
  throw SpecError({file, line, error.mark.column + 1}, "not valid YAML: " + error.msg);
}

}  // namespace

YamlNodePointer parse_yaml(const std::string& text, const std::string& file, const YamlLimits& limits) {
  check_yaml_text(text, file, limits);
  std::istringstream stream(text);
  TreeBuilder builder(file, limits);
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) continue;
  } catch (const YAML::Exception& error) {
    fail_at_syntax(error, text, file);
  }
  if (!builder.root()) throw SpecError({file, 0, 0}, "is empty");
  return builder.root();
}

}  // namespace windtunnel::modeling
