// SPDX-License-Identifier: Apache-2.0
#include "modeling/workload/operator_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/graphviz.hpp>
#include <boost/graph/topological_sort.hpp>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace windtunnel::modeling {

namespace {

/// Vertices are operators by number.
using BoostGraph =
    boost::adjacency_list<boost::vecS, boost::vecS, boost::bidirectionalS, boost::no_property, DependencyKind>;

BoostGraph boost_graph(const OperatorGraph& operators) {
  BoostGraph graph(operators.size());
  for (int vertex = 0; vertex < operators.size(); ++vertex) {
    for (const Dependency& dependency : operators.producers(vertex))
      boost::add_edge(dependency.producer, vertex, dependency.kind, graph);
  }
  return graph;
}

std::string work_label(const Operator& op) {
  if (op.kind == OperatorKind::kCollective)
    return fmt::format("{:.3g} MB, {}", op.message_bytes / 1e6, to_string(op.group));
  if (op.kind == OperatorKind::kHost) return fmt::format("{:.3g} MB, host", op.message_bytes / 1e6);
  if (op.flop > 0.0) return fmt::format("{:.3g} GFLOP", op.flop / 1e9);
  return fmt::format("{:.3g} MB", op.memory_bytes / 1e6);
}

}  // namespace

std::string to_string(Segment segment) {
  switch (segment) {
    case Segment::kEmbedding:
      return "embedding";
    case Segment::kDenseLayer:
      return "layer";
    case Segment::kExpertLayer:
      return "expert layer";
    case Segment::kHead:
      return "head";
    case Segment::kNextToken:
      return "next-token module";
    case Segment::kLayerA:
      return "layer A";
    case Segment::kLayerB:
      return "layer B";
    case Segment::kLayerC:
      return "layer C";
    case Segment::kLayerD:
      return "layer D";
    case Segment::kLayerE:
      return "layer E";
    case Segment::kLayerF:
      return "layer F";
  }
  return "";
}

std::string to_string(Pass pass) {
  switch (pass) {
    case Pass::kForward:
      return "forward";
    case Pass::kRecompute:
      return "recompute";
    case Pass::kBackward:
      return "backward";
    case Pass::kUpdate:
      return "update";
  }
  return "";
}

std::string to_string(CommGroup group) {
  switch (group) {
    case CommGroup::kTensor:
      return "tensor";
    case CommGroup::kContext:
      return "context";
    case CommGroup::kExpert:
      return "expert";
    case CommGroup::kPipeline:
      return "pipeline";
    case CommGroup::kData:
      return "data";
    case CommGroup::kExpertData:
      return "expert data";
  }
  return "";
}

struct OperatorGraph::Implementation {
  std::vector<Operator> operators;
  /// Those of consumer k end where those of consumer k + 1 begin.
  std::vector<Dependency> dependencies;
  std::vector<std::size_t> first_dependency = {0};
  /// By segment and pass, as added.
  std::array<std::vector<int>, kSegments * kPasses> members;

  static std::size_t slot(Segment segment, Pass pass) {
    return static_cast<std::size_t>(static_cast<int>(segment) * kPasses + static_cast<int>(pass));
  }
};

OperatorGraph::OperatorGraph() : implementation_(std::make_unique<Implementation>()) {}
OperatorGraph::~OperatorGraph() = default;
OperatorGraph::OperatorGraph(OperatorGraph&&) noexcept = default;
OperatorGraph& OperatorGraph::operator=(OperatorGraph&&) noexcept = default;

int OperatorGraph::add(Operator op, const std::vector<Dependency>& producers) {
  const int vertex = size();
  for (const Dependency& dependency : producers) {
    if (dependency.producer < 0 || dependency.producer >= vertex) {
      throw std::invalid_argument(
          fmt::format("operator '{}' waits for vertex {}, expected 0..{}", op.name, dependency.producer, vertex - 1));
    }
  }
  Implementation& own = *implementation_;
  own.members[Implementation::slot(op.segment, op.pass)].push_back(vertex);
  own.operators.push_back(std::move(op));
  own.dependencies.insert(own.dependencies.end(), producers.begin(), producers.end());
  own.first_dependency.push_back(own.dependencies.size());
  return vertex;
}

int OperatorGraph::size() const {
  return static_cast<int>(implementation_->operators.size());
}

const Operator& OperatorGraph::at(int vertex) const {
  return implementation_->operators[vertex];
}

std::span<const Dependency> OperatorGraph::producers(int vertex) const {
  const Implementation& own = *implementation_;
  const std::size_t first = own.first_dependency[vertex];
  return std::span(own.dependencies).subspan(first, own.first_dependency[vertex + 1] - first);
}

const std::vector<int>& OperatorGraph::members(Segment segment, Pass pass) const {
  return implementation_->members[Implementation::slot(segment, pass)];
}

std::vector<int> OperatorGraph::topological_order() const {
  std::vector<int> order;
  const BoostGraph graph = boost_graph(*this);
  boost::topological_sort(graph, std::back_inserter(order));
  std::reverse(order.begin(), order.end());
  return order;
}

std::string OperatorGraph::to_dot() const {
  const BoostGraph graph = boost_graph(*this);
  std::ostringstream out;
  const auto write_vertex = [&](std::ostream& stream, int vertex) {
    const Operator& op = at(vertex);
    stream << fmt::format("[shape=box, style=filled, fillcolor=\"{}\", label=\"{} {}\\n{}\\n{}\"]",
                          op.kind == OperatorKind::kCollective ? "lightblue" : "white", to_string(op.segment),
                          to_string(op.pass), op.name, work_label(op));
  };
  const auto write_edge = [&](std::ostream& stream, const auto& edge) {
    if (graph[edge] == DependencyKind::kStreamed) stream << "[style=dashed]";
  };
  boost::write_graphviz(out, graph, write_vertex, write_edge);
  return out.str();
}

TemplateTotals totals(const OperatorGraph& graph, Segment segment, Pass pass) {
  TemplateTotals sum;
  for (int vertex : graph.members(segment, pass)) {
    const Operator& op = graph.at(vertex);
    sum.flop += op.flop;
    sum.memory_bytes += op.memory_bytes;
    sum.message_bytes += op.message_bytes;
    sum.saved_bytes += op.saved_bytes;
    ++sum.operators;
  }
  return sum;
}

}  // namespace windtunnel::modeling
