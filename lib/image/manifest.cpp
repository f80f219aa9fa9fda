// SPDX-License-Identifier: GPL-3.0-or-later
// The manifest of an image: canonical JSON, checked key by key. PROTOCOL §7.2.
#include "image/manifest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace fwr::image {

namespace {

using nlohmann::json;

constexpr std::uint64_t kFormat = 1;
constexpr std::size_t kDepthLimit_levels = 8;  ///< objects and arrays inside each other
constexpr std::size_t kNameLimit_characters = 64;
constexpr std::size_t kExcerptLimit_bytes = 40;  ///< of what a peer wrote, in an error
constexpr std::string_view kMustUnderstand = "must-";
constexpr std::uint64_t kManufacturerLimit = 0xffffff;  ///< 24 bits, IPMI v2.0 §20.1

/// What a peer wrote, for a message: printable ASCII only, and not much of it.
std::string excerpt(const json& value) {
  std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  if (text.size() > kExcerptLimit_bytes) text = text.substr(0, kExcerptLimit_bytes) + "...";
  return text;
}

/// The first pass: what the DOM would not show any more (order and number of keys, fractions), and
/// what it must not be asked to hold (depth).
class ShapeCheck final : public nlohmann::json_sax<json> {
 public:
  [[nodiscard]] const std::string& fault() const { return fault_; }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return refuse("binary data"); }
  bool number_float(number_float_t, const string_t&) override {
    const auto key = std::find_if(keys_.rbegin(), keys_.rend(),
                                  [](const json& name) { return name.is_string(); });
    return refuse((key == keys_.rend() ? "it" : excerpt(*key)) +
                  " has a number that is not an integer of at most 64 bits");
  }

  bool start_object(std::size_t) override { return enter(); }
  bool start_array(std::size_t) override { return enter(); }
  bool end_object() override { return leave(); }
  bool end_array() override { return leave(); }
  bool key(string_t& name) override {
    json& last = keys_.back();
    if (last.is_string()) {
      const auto& previous = last.get_ref<const std::string&>();
      if (name == previous) return refuse(excerpt(name) + " is there twice");
      if (name < previous)
        return refuse(excerpt(name) + " comes after " + excerpt(last) +
                      ", but keys must be in byte order");
    }
    last = name;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    return refuse(fmt::format("not JSON, at byte {}", position));
  }

 private:
  bool enter() {
    if (keys_.size() == kDepthLimit_levels)
      return refuse(fmt::format("more than {} levels", kDepthLimit_levels));
    keys_.emplace_back();
    return true;
  }
  bool leave() {
    keys_.pop_back();
    return true;
  }
  bool refuse(std::string why) {
    fault_ = std::move(why);
    return false;
  }

  std::vector<json> keys_;  ///< of each level, the last key; null in an array
  std::string fault_;
};

/// Where the text leaves its canonical form, in words.
std::string first_difference(std::string_view text, std::string_view canonical) {
  const auto [at, expected] =
      std::mismatch(text.begin(), text.end(), canonical.begin(), canonical.end());
  const auto position = static_cast<std::size_t>(at - text.begin()) + 1;
  if (expected == canonical.end())
    return fmt::format("byte {} follows the closing brace, where the file must end", position);
  if (at != text.end() && std::string_view(" \t\r\n").find(*at) != std::string_view::npos)
    return fmt::format("white space at byte {}, but the canonical form has none", position);
  return fmt::format("byte {} differs from the canonical form", position);
}

/// Takes the keys of one object. The first rule that is broken is kept, and all that follow give
/// empty values.
class Reader {
 public:
  Reader(const json& object, std::string where, std::string& fault)
      : object_(object), where_(std::move(where)), fault_(fault) {
    for (const auto& [key, value] : object.items())
      if (key.starts_with(kMustUnderstand))
        refuse(key, "must be understood, and this program does not know it");
  }

  enum class Presence { Required, Optional };

  const json* take(const std::string& key, Presence presence) {
    const auto found = object_.find(key);
    if (found != object_.end()) return &*found;
    if (presence == Presence::Required) refuse(key, "is missing");
    return nullptr;
  }

  std::optional<std::uint64_t> integer(const std::string& key, Presence presence,
                                       std::uint64_t lowest, std::uint64_t highest) {
    const json* value = take(key, presence);
    if (value == nullptr) return std::nullopt;
    if (value->is_number_unsigned())
      if (const auto number = value->get<std::uint64_t>(); number >= lowest && number <= highest)
        return number;
    refuse(key, fmt::format("must be an integer from {} to {}, not {}", lowest, highest,
                            excerpt(*value)));
    return std::nullopt;
  }

  std::optional<std::string> text(const std::string& key, Presence presence,
                                  bool (*is_good)(std::string_view), std::string_view rule) {
    const json* value = take(key, presence);
    if (value == nullptr) return std::nullopt;
    if (value->is_string() && is_good(value->get_ref<const std::string&>()))
      return value->get<std::string>();
    refuse(key, fmt::format("must be {}, not {}", rule, excerpt(*value)));
    return std::nullopt;
  }

  Digest digest(const std::string& key, const json& value) {
    if (value.is_string()) {
      const auto& text = value.get_ref<const std::string&>();
      if (const auto parsed = parse_digest(text); parsed && to_text(*parsed) == text)
        return *parsed;
    }
    refuse(key, "must be 64 lower-case hexadecimal digits, not " + excerpt(value));
    return {};
  }

  /// The elements, or nullptr when it is absent or not an array of so many.
  const json* array(const std::string& key, Presence presence, std::size_t lowest,
                    std::size_t highest, std::string_view of) {
    const json* value = take(key, presence);
    if (value == nullptr) return nullptr;
    if (value->is_array() && value->size() >= lowest && value->size() <= highest) return value;
    refuse(key, fmt::format("must be an array of {} to {} {}", lowest, highest, of));
    return nullptr;
  }

  void refuse(const std::string& key, std::string_view rule) {
    if (fault_.empty()) fault_ = fmt::format("{}{} {}", where_, excerpt(key), rule);
  }

 private:
  const json& object_;
  std::string where_;
  std::string& fault_;
};

using Presence = Reader::Presence;

bool is_name(std::string_view text) {
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    // U+0000..1F, U+007F, U+0080..9F: a terminal obeys them.
    if (byte < 0x20 || byte == 0x7f || (byte == 0xc2 && next < 0xa0)) return false;
    if ((byte & 0xc0U) != 0x80) ++characters;
  }
  return characters >= 1 && characters <= kNameLimit_characters;
}

std::optional<PlatformMatch::RevisionRange> read_revision(Reader& reader) {
  const json* range = reader.take("revision", Presence::Optional);
  if (range == nullptr) return std::nullopt;
  const auto is_byte = [](const json& value) {
    return value.is_number_unsigned() && value.get<std::uint64_t>() <= 255;
  };
  if (range->is_array() && range->size() == 2 && is_byte((*range)[0]) && is_byte((*range)[1]) &&
      (*range)[0] <= (*range)[1])
    return PlatformMatch::RevisionRange{(*range)[0].get<std::uint8_t>(),
                                        (*range)[1].get<std::uint8_t>()};
  reader.refuse(
      "revision",
      "must be an array of the lowest and the highest revision, 0 to 255, not " + excerpt(*range));
  return std::nullopt;
}

template <class Number>
std::optional<Number> narrow(std::optional<std::uint64_t> value) {
  if (!value) return std::nullopt;
  return static_cast<Number>(*value);
}

std::vector<PlatformMatch> read_platforms(Reader& reader, std::string& fault) {
  std::vector<PlatformMatch> platforms;
  const json* array = reader.array("platforms", Presence::Required, 1, kPlatformLimit, "platforms");
  if (array == nullptr) return platforms;
  for (std::size_t i = 0; i < array->size(); ++i) {
    if (!(*array)[i].is_object()) {
      reader.refuse("platforms", fmt::format("must be an array of objects, but element {} is {}",
                                             i + 1, excerpt((*array)[i])));
      break;
    }
    Reader platform((*array)[i], fmt::format("platform {}: ", i + 1), fault);
    platforms.push_back({
        narrow<std::uint32_t>(
            platform.integer("manufacturer", Presence::Optional, 0, kManufacturerLimit)),
        narrow<std::uint16_t>(platform.integer("product", Presence::Optional, 0, 0xffff)),
        narrow<std::uint8_t>(platform.integer("device", Presence::Optional, 0, 0xff)),
        read_revision(platform),
    });
  }
  return platforms;
}

Manifest read_manifest(Reader& reader, std::string& fault) {
  constexpr std::string_view kVersionRule = "1 to 31 characters of A-Z a-z 0-9 . _ + ~ -";
  constexpr auto kLatest = static_cast<std::uint64_t>(kTimeLimit_s);
  Manifest m;
  // First, because another format may have other rules.
  (void)reader.integer("format", Presence::Required, kFormat, kFormat);
  if (const json* bases =
          reader.array("base", Presence::Optional, 0, kBaseLimit, "digests of images"))
    for (const json& base : *bases) m.bases.push_back(reader.digest("base", base));
  m.component = reader
                    .text("component", Presence::Required, is_component,
                          "1 to 15 characters of a-z 0-9 . _ -")
                    .value_or("");
  m.created =
      narrow<std::int64_t>(reader.integer("created", Presence::Required, 0, kLatest)).value_or(0);
  if (const json* digest = reader.take("digest", Presence::Required))
    m.digest = reader.digest("digest", *digest);
  m.expires = narrow<std::int64_t>(reader.integer("expires", Presence::Optional, 0, kLatest));
  m.minimum_version = reader.text("minimum", Presence::Optional, is_version, kVersionRule);
  m.name = reader
               .text("name", Presence::Required, is_name,
                     "1 to 64 characters without control characters")
               .value_or("");
  m.platforms = read_platforms(reader, fault);
  m.security_version =
      narrow<std::uint32_t>(reader.integer("security", Presence::Required, 0, 0xffffffff))
          .value_or(0);
  m.size_bytes = reader.integer("size", Presence::Required, 1, kImageLimit_bytes).value_or(0);
  m.version = reader.text("version", Presence::Required, is_version, kVersionRule).value_or("");
  return m;
}

json platform_to_json(const PlatformMatch& platform) {
  json object = json::object();
  if (platform.manufacturer_id) object["manufacturer"] = *platform.manufacturer_id;
  if (platform.product_id) object["product"] = *platform.product_id;
  if (platform.device_id) object["device"] = *platform.device_id;
  if (const auto& range = platform.hardware_revision)
    object["revision"] = {range->lowest, range->highest};
  return object;
}

bool is_word(std::string_view text, std::size_t limit, std::string_view punctuation,
             bool capitals) {
  return !text.empty() && text.size() <= limit &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                  (capitals && c >= 'A' && c <= 'Z') ||
                  punctuation.find(c) != std::string_view::npos;
         });
}

}  // namespace

bool is_component(std::string_view text) {
  return is_word(text, 15, "._-", false);
}
bool is_version(std::string_view text) {
  return is_word(text, 31, "._+~-", true);
}

Result<Manifest> parse_manifest(std::string_view json_text) {
  if (json_text.size() > kManifestLimit_bytes)
    return fail(Errc::BadManifest, fmt::format("it has {} bytes, more than the limit of {}",
                                               json_text.size(), kManifestLimit_bytes));
  ShapeCheck shape;
  if (!json::sax_parse(json_text.begin(), json_text.end(), &shape))
    return fail(Errc::BadManifest, shape.fault());
  const json document = json::parse(json_text.begin(), json_text.end(), nullptr, false);
  if (!document.is_object()) return fail(Errc::BadManifest, "it is not a JSON object");
  const std::string canonical = document.dump();
  if (canonical != json_text)
    return fail(Errc::BadManifest, first_difference(json_text, canonical));

  std::string fault;
  Reader reader(document, "", fault);
  Manifest manifest = read_manifest(reader, fault);
  if (!fault.empty()) return fail(Errc::BadManifest, std::move(fault));
  return manifest;
}

std::string to_json(const Manifest& manifest) {
  json object = {{"component", manifest.component},
                 {"created", manifest.created},
                 {"digest", to_text(manifest.digest)},
                 {"format", kFormat},
                 {"name", manifest.name},
                 {"platforms", json::array()},
                 {"security", manifest.security_version},
                 {"size", manifest.size_bytes},
                 {"version", manifest.version}};
  for (const PlatformMatch& platform : manifest.platforms)
    object["platforms"].push_back(platform_to_json(platform));
  if (manifest.expires) object["expires"] = *manifest.expires;
  if (manifest.minimum_version) object["minimum"] = *manifest.minimum_version;
  for (const Digest& base : manifest.bases) object["base"].push_back(to_text(base));
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace fwr::image
