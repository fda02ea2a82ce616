// SPDX-License-Identifier: Apache-2.0
#include "modeling/cluster/topology.h"

#include <algorithm>
#include <boost/graph/adjacency_list.hpp>
#include <cmath>
#include <stdexcept>

namespace windtunnel::modeling {

namespace {

/// Edges carry the number of their link.
using BoostGraph = boost::adjacency_list<boost::vecS, boost::vecS, boost::bidirectionalS, boost::no_property, int>;

/// Parallel links that share a capacity of `total` ports: as many as whole ports fit, at least one.
Count parallel_links(double total) {
  return std::max<Count>(1, static_cast<Count>(std::llround(total)));
}

}  // namespace

std::string to_string(FabricTier tier) {
  switch (tier) {
    case FabricTier::kScaleUp:
      return "scale_up";
    case FabricTier::kScaleUpUplink:
      return "scale_up_uplink";
    case FabricTier::kScaleOut:
      return "scale_out";
    case FabricTier::kLeafUplink:
      return "leaf_uplink";
    case FabricTier::kSpineUplink:
      return "spine_uplink";
  }
  return "";
}

Count separate_rails(const Fabric& fabric) {
  const bool by_rail = fabric.topology == "rail_optimized_fat_tree" || fabric.topology == "dual_tor";
  return by_rail ? std::max<Count>(1, static_cast<Count>(fabric.rails.value)) : 1;
}

ClosShape scale_out_shape(const HardwareProfile& profile, Count num_devices) {
  const Fabric& fabric = profile.fabric;
  const Count rails = separate_rails(fabric);
  ClosShape shape;
  shape.ports = (num_devices + rails - 1) / rails;
  shape.leaf_ports = std::max<Count>(1, static_cast<Count>(fabric.leaf_devices.value));
  shape.leaves = (shape.ports + shape.leaf_ports - 1) / shape.leaf_ports;
  const double up = static_cast<double>(shape.leaf_ports) / std::max(1.0, fabric.oversubscription.value);
  shape.uplinks = parallel_links(up);
  shape.uplink_capacity = up / static_cast<double>(shape.uplinks);
  shape.leaves_per_pod = shape.leaves;
  if (fabric.pod_devices.value < 1.0) return shape;
  const Count pod_ports = std::max<Count>(1, static_cast<Count>(fabric.pod_devices.value) / rails);
  shape.leaves_per_pod = std::max<Count>(1, pod_ports / shape.leaf_ports);
  shape.pods = (shape.leaves + shape.leaves_per_pod - 1) / shape.leaves_per_pod;
  const double above = static_cast<double>(shape.leaves_per_pod) * shape.uplink_capacity /
                       std::max(1.0, fabric.pod_oversubscription.value);
  shape.spine_uplinks = parallel_links(above);
  shape.spine_uplink_capacity = above / static_cast<double>(shape.spine_uplinks);
  return shape;
}

std::vector<Count> torus_shape(Count devices, Count domain_devices) {
  const int dimensions = domain_devices <= 256 ? 2 : 3;
  std::vector<Count> sides;
  for (int left = dimensions; left > 1; --left) {
    const double root = std::pow(static_cast<double>(devices), 1.0 / left);
    Count side = std::max<Count>(1, static_cast<Count>(std::floor(root + 1e-9)));
    while (devices % side != 0) --side;
    sides.push_back(side);
    devices /= side;
  }
  sides.push_back(devices);
  return sides;
}

double torus_all_to_all_slowdown(const std::vector<Count>& sides) {
  double devices = 1.0;
  double longest = 0.0;
  for (const Count side : sides) {
    devices *= static_cast<double>(side);
    // Distances 0, 1, 1, 2, 2, ...: their sum is floor(side^2 / 4).
    longest = std::max(longest, static_cast<double>(side * side / 4) / static_cast<double>(side));
  }
  if (devices <= 1.0) return 1.0;
  return longest * static_cast<double>(sides.size()) * devices / (devices - 1.0);
}

namespace {

/// Number of the neighbour one step up in the dimension of this stride and side.
int neighbour(int at, Count stride, Count side) {
  const Count here = (at / stride) % side;
  return static_cast<int>(at + ((here + 1) % side - here) * stride);
}

}  // namespace

struct Topology::Graph {
  BoostGraph graph;
  int ports = 0;
  std::vector<FabricLink> links;
  /// Side lengths; empty for networks with switches.
  std::vector<Count> torus;

  int add_vertex() { return static_cast<int>(boost::add_vertex(graph)); }

  int connect(int from, int to, FabricLink link) {
    const int number = static_cast<int>(links.size());
    boost::add_edge(static_cast<std::size_t>(from), static_cast<std::size_t>(to), number, graph);
    links.push_back(link);
    return number;
  }
  void cable(int below, int above, FabricTier tier, double capacity) {
    connect(below, above, {tier, capacity, true});
    connect(above, below, {tier, capacity, false});
  }

  /// Two links per dimension and port; a side of two has one neighbour, reached by both of them.
  void connect_torus(std::vector<Count> sides) {
    torus = std::move(sides);
    const double capacity = 0.5 / static_cast<double>(torus.size());
    Count stride = 1;
    for (Count side : torus) {
      for (int at = 0; at < ports && side > 1; ++at) {
        const int next = neighbour(at, stride, side);
        connect(at, next, {FabricTier::kScaleUp, side == 2 ? 2.0 * capacity : capacity, true});
        if (side > 2) connect(next, at, {FabricTier::kScaleUp, capacity, false});
      }
      stride *= side;
    }
  }

  /// A switch per node of `node_ports`, joined without oversubscription by one switch of each plane.
  void connect_nodes(Count node_ports, Count plane_count) {
    std::vector<int> planes;
    for (Count plane = 0; plane < plane_count && ports > node_ports; ++plane) planes.push_back(add_vertex());
    const double uplink = static_cast<double>(node_ports) / static_cast<double>(std::max<Count>(1, plane_count));
    for (Count first = 0; first < ports; first += node_ports) {
      const int vertex = add_vertex();
      for (int plane : planes) cable(vertex, plane, FabricTier::kScaleUpUplink, uplink);
      for (Count port = first; port < std::min<Count>(ports, first + node_ports); ++port)
        cable(static_cast<int>(port), vertex, FabricTier::kScaleUp, 1.0);
    }
  }

  /// Hops to `to` of every switch and of `from`; -1 where nothing leads on. Ports do not forward.
  std::vector<int> distances_to(int to, int from) const {
    std::vector<int> distance(boost::num_vertices(graph), -1);
    std::vector<int> queue = {to};
    distance[to] = 0;
    for (std::size_t head = 0; head < queue.size(); ++head) {
      for (auto [edge, end] = boost::in_edges(static_cast<std::size_t>(queue[head]), graph); edge != end; ++edge) {
        const int before = static_cast<int>(boost::source(*edge, graph));
        if (distance[before] >= 0 || (before < ports && before != from)) continue;
        distance[before] = distance[queue[head]] + 1;
        queue.push_back(before);
      }
    }
    return distance;
  }

  void collect(int at, int to, const std::vector<int>& distance, std::vector<int>& path,
               std::vector<std::vector<int>>& found) const {
    if (at == to) return found.push_back(path);
    for (auto [edge, end] = boost::out_edges(static_cast<std::size_t>(at), graph); edge != end; ++edge) {
      const int next = static_cast<int>(boost::target(*edge, graph));
      if (distance[next] != distance[at] - 1) continue;
      path.push_back(graph[*edge]);
      collect(next, to, distance, path, found);
      path.pop_back();
    }
  }

  int link_between(int from, int to) const {
    const auto [edge, exists] = boost::edge(static_cast<std::size_t>(from), static_cast<std::size_t>(to), graph);
    if (!exists) throw std::logic_error("the torus lacks a link between neighbours");
    return graph[edge];
  }

  /// Walks dimension by dimension; at a tie both ways round are taken.
  std::vector<std::vector<int>> torus_routes(int from, int to) const {
    std::vector<std::pair<int, std::vector<int>>> open = {{from, {}}};
    Count stride = 1;
    for (Count side : torus) {
      std::vector<std::pair<int, std::vector<int>>> after;
      for (const auto& [at, path] : open) {
        const Count here = (at / stride) % side;
        const Count ahead = ((to / stride) % side - here + side) % side;
        for (const Count direction : {Count{1}, Count{-1}}) {
          const Count hops = direction > 0 ? ahead : (side - ahead) % side;
          if (2 * hops > side || (ahead == 0 && direction < 0)) continue;
          after.push_back(walk(at, path, stride, side, direction, hops));
        }
      }
      open = std::move(after);
      stride *= side;
    }
    std::vector<std::vector<int>> found;
    for (auto& [at, path] : open) found.push_back(std::move(path));
    return found;
  }

  std::pair<int, std::vector<int>> walk(int at, std::vector<int> path, Count stride, Count side, Count direction,
                                        Count hops) const {
    for (Count hop = 0; hop < hops; ++hop) {
      const Count here = (at / stride) % side;
      const int next = static_cast<int>(at + ((here + direction + side) % side - here) * stride);
      path.push_back(link_between(at, next));
      at = next;
    }
    return {at, std::move(path)};
  }
};

Topology::Topology(std::unique_ptr<Graph> graph) : graph_(std::move(graph)) {}
Topology::~Topology() = default;
Topology::Topology(Topology&&) noexcept = default;
Topology& Topology::operator=(Topology&&) noexcept = default;

int Topology::ports() const {
  return graph_->ports;
}

int Topology::switches() const {
  return static_cast<int>(boost::num_vertices(graph_->graph)) - graph_->ports;
}

const std::vector<FabricLink>& Topology::links() const {
  return graph_->links;
}

std::vector<std::vector<int>> Topology::routes(int from, int to) const {
  if (!graph_->torus.empty()) return graph_->torus_routes(from, to);
  std::vector<std::vector<int>> found;
  std::vector<int> path;
  graph_->collect(from, to, graph_->distances_to(to, from), path, found);
  return found;
}

Topology Topology::scale_out_plane(const ClosShape& shape) {
  auto graph = std::make_unique<Graph>();
  graph->ports = static_cast<int>(shape.ports);
  for (Count port = 0; port < shape.ports; ++port) graph->add_vertex();
  std::vector<std::vector<int>> third_tier(shape.uplinks);
  if (shape.pods > 1) {
    for (auto& group : third_tier) {
      for (Count k = 0; k < shape.spine_uplinks; ++k) group.push_back(graph->add_vertex());
    }
  }
  for (Count pod = 0; pod < shape.pods; ++pod) {
    std::vector<int> spines;
    for (Count spine = 0; spine < shape.uplinks && shape.leaves > 1; ++spine) {
      spines.push_back(graph->add_vertex());
      for (int above : third_tier[spine])
        graph->cable(spines.back(), above, FabricTier::kSpineUplink, shape.spine_uplink_capacity);
    }
    const Count last = std::min(shape.leaves, (pod + 1) * shape.leaves_per_pod);
    for (Count leaf = pod * shape.leaves_per_pod; leaf < last; ++leaf) {
      const int vertex = graph->add_vertex();
      for (int spine : spines) graph->cable(vertex, spine, FabricTier::kLeafUplink, shape.uplink_capacity);
      const Count end = std::min(shape.ports, (leaf + 1) * shape.leaf_ports);
      for (Count port = leaf * shape.leaf_ports; port < end; ++port)
        graph->cable(static_cast<int>(port), vertex, FabricTier::kScaleOut, 1.0);
    }
  }
  return Topology(std::move(graph));
}

Topology Topology::scale_up_domain(const HardwareProfile& profile, Count devices) {
  auto graph = std::make_unique<Graph>();
  graph->ports = static_cast<int>(devices);
  for (Count port = 0; port < devices; ++port) graph->add_vertex();
  if (profile.fabric.topology == "torus") {
    graph->connect_torus(torus_shape(devices, profile.scale_up_domain_devices));
  } else {
    const bool two_tier = profile.fabric.topology == "two_tier";
    graph->connect_nodes(two_tier ? profile.devices_per_node : devices, static_cast<Count>(profile.fabric.rails.value));
  }
  return Topology(std::move(graph));
}

}  // namespace windtunnel::modeling
