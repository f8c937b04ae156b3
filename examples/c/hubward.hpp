// hubward for C++11: objects that free themselves, exceptions for statuses, strings for buffers.
//
// Not all of hubward.h: what a device with a key needs, to be copied and gone on with.

#ifndef HUBWARD_HPP
#define HUBWARD_HPP

#include <hubward.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace hubward {

// A call that did not succeed.
class error : public std::runtime_error {
public:
    explicit error(hubward_status status) : std::runtime_error(hubward_status_message(status)), status_(status) {}

    hubward_status status() const noexcept { return status_; }

private:
    hubward_status status_;
};

inline void check(hubward_status status)
{
    if (status != HUBWARD_OK) {
        throw error(status);
    }
}

// Calls `write(out, cap, len)` for the size, and once more for the text. Not for tokens: to ask for their size costs as
// much as to sign, and a string is not wiped.
template <typename Write> std::string text(Write write)
{
    std::size_t len = 0;
    check(write(nullptr, std::size_t(0), &len));
    // It gets a NUL behind it, which std::string has a place for only since C++17.
    std::string result(len + 1, '\0');
    check(write(&result[0], result.size(), &len));
    result.resize(len);
    return result;
}

// A token, wiped when it goes. It is a credential: neither copied nor printed by accident.
class token {
public:
    token() = default;
    token(const token &) = delete;
    token &operator=(const token &) = delete;
    token(token &&other) noexcept : text_(other.text_), len_(other.len_) { other.wipe(); }

    ~token() { wipe(); }

    // With a NUL behind it.
    const char *expose() const noexcept { return text_.data(); }
    std::size_t size() const noexcept { return len_; }

private:
    friend class signer;
    friend class token_cache;

    void wipe() noexcept
    {
        volatile char *bytes = text_.data();
        for (std::size_t i = 0; i < text_.size(); i++) {
            bytes[i] = 0;
        }
        len_ = 0;
    }

    std::array<char, HUBWARD_SAS_TOKEN_MAX> text_{};
    std::size_t len_ = 0;
};

// One deleter for all handles.
struct deleter {
    void operator()(hubward_signer *handle) const noexcept { hubward_signer_free(handle); }
    void operator()(hubward_mac_key *handle) const noexcept { hubward_mac_key_free(handle); }
    void operator()(hubward_token_cache *handle) const noexcept { hubward_token_cache_free(handle); }
};

// A key: in memory, or behind a driver.
class mac_key {
public:
    // Writes the 32 bytes of HMAC-SHA256 over a message. What it throws is the error of a key that failed.
    using driver = std::function<void(const std::uint8_t *message, std::size_t len, std::uint8_t *tag)>;

    explicit mac_key(const std::string &base64)
    {
        hubward_mac_key *handle = nullptr;
        check(hubward_mac_key_new(base64.data(), base64.size(), &handle));
        handle_.reset(handle);
    }

    explicit mac_key(driver hmac)
    {
        std::unique_ptr<driver> owned(new driver(std::move(hmac)));
        const hubward_mac_key_callbacks callbacks = {owned.get(), call, release};
        hubward_mac_key *handle = nullptr;
        check(hubward_mac_key_from_callbacks(&callbacks, &handle));
        // From here on it is the key's, which calls `release`.
        static_cast<void>(owned.release());
        handle_.reset(handle);
    }

    const hubward_mac_key *get() const noexcept { return handle_.get(); }

private:
    // No exception may pass through the library.
    static std::int32_t call(void *user_data, const std::uint8_t *message, std::size_t len, std::uint8_t *tag) noexcept
    {
        try {
            (*static_cast<driver *>(user_data))(message, len, tag);
            return 0;
        } catch (...) {
            return -1;
        }
    }

    static void release(void *user_data) noexcept { delete static_cast<driver *>(user_data); }

    std::unique_ptr<hubward_mac_key, deleter> handle_;
};

// Makes tokens; can be used by several threads at once.
class signer {
public:
    explicit signer(const std::string &connection_string)
    {
        hubward_signer *handle = nullptr;
        check(hubward_signer_from_connection_string(connection_string.data(), connection_string.size(), &handle));
        handle_.reset(handle);
    }

    signer(const std::string &resource, const mac_key &key)
    {
        hubward_signer *handle = nullptr;
        check(hubward_signer_from_mac_key(resource.data(), resource.size(), nullptr, 0, key.get(), &handle));
        handle_.reset(handle);
    }

    token sign(std::uint64_t expiry) const
    {
        token result;
        check(hubward_signer_sign(handle_.get(), expiry, result.text_.data(), result.text_.size(), &result.len_));
        return result;
    }

    const hubward_signer *get() const noexcept { return handle_.get(); }

private:
    std::unique_ptr<hubward_signer, deleter> handle_;
};

// The token of a device, renewed in time.
class token_cache {
public:
    explicit token_cache(const signer &signer, std::uint64_t lifetime_seconds = 3600, std::uint32_t renew_percent = 80)
    {
        hubward_token_cache *handle = nullptr;
        check(hubward_token_cache_new(signer.get(), lifetime_seconds, renew_percent, &handle));
        handle_.reset(handle);
    }

    // There is a token only if the action is HUBWARD_CACHE_USE.
    std::pair<token, hubward_token_cache_result> poll(std::uint64_t now) const
    {
        std::pair<token, hubward_token_cache_result> result;
        token &text = result.first;
        check(hubward_token_cache_poll(handle_.get(), now, text.text_.data(), text.text_.size(), &text.len_,
                                       &result.second));
        return result;
    }

    // Told of the token with this `id` of its answer. Whether one more try, with what `poll` then says, may help.
    bool refused(std::uint32_t id, std::uint64_t now) const
    {
        std::int32_t refusal = 0;
        check(hubward_token_cache_refused(handle_.get(), id, now, &refusal));
        return refusal != HUBWARD_REFUSED_AGAIN;
    }

    void accepted(std::uint32_t id) const { check(hubward_token_cache_accepted(handle_.get(), id)); }

private:
    std::unique_ptr<hubward_token_cache, deleter> handle_;
};

inline std::string mqtt_username(const std::string &connection_string, const std::string &product_info = std::string())
{
    return text([&](char *out, std::size_t cap, std::size_t *len) {
        return hubward_mqtt_username(connection_string.data(), connection_string.size(), product_info.data(),
                                     product_info.size(), out, cap, len);
    });
}

inline std::string mqtt_client_id(const std::string &connection_string)
{
    return text([&](char *out, std::size_t cap, std::size_t *len) {
        return hubward_mqtt_client_id(connection_string.data(), connection_string.size(), out, cap, len);
    });
}

} // namespace hubward

#endif
