// hubward from C++, through the wrapper hubward.hpp: what a device needs to connect, with its key in memory and behind
// a driver.
//
//     cpp_raii [UNIX_SECONDS]
//
// Standard output is the token that expires at that moment, 2025-01-01 unless it is given, and a line end.

#include "hubward.hpp"

#include <cstdlib>
#include <ctime>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>

namespace {

// No such device, and everybody knows its key: a program reads its own from where only it can read.
const char CONNECTION[] = "HostName=demonstration.azure-devices.net;DeviceId=demonstration;"
                          "SharedAccessKey=bm90IGEgc2VjcmV0LCBhIGRlbW9uc3RyYXRpb24ga2V5";

// A status becomes an exception, with the number for the program and the sentence for people.
void a_mistake()
{
    try {
        const hubward::signer signer("HostName=demonstration.azure-devices.net;DeviceId=demonstration");
    } catch (const hubward::error &error) {
        std::cerr << "without a key: " << error.what() << " (" << error.status() << ")\n";
    }
}

// What a driver throws does not pass through the library: it is the error of a key that failed.
void a_broken_driver()
{
    const hubward::mac_key key([](const std::uint8_t *, std::size_t, std::uint8_t *) {
        throw std::runtime_error("the chip does not answer");
    });
    const hubward::signer signer("demonstration.azure-devices.net/devices/demonstration", key);
    try {
        static_cast<void>(signer.sign(0));
    } catch (const hubward::error &error) {
        std::cerr << "with a broken chip: " << error.what() << " (" << error.status() << ")\n";
    }
}

// As a device does before each connection.
void a_cache(const hubward::signer &signer)
{
    const hubward::token_cache cache(signer);
    const auto answer = cache.poll(static_cast<std::uint64_t>(std::time(nullptr)));
    if (answer.second.action == HUBWARD_CACHE_USE) {
        std::cerr << "a token of " << answer.first.size() << " bytes, to be renewed at " << answer.second.next << "\n";
    }
}

} // namespace

int main(int argc, char **argv)
{
    try {
        const std::uint64_t expiry = argc > 1 ? std::stoull(argv[1]) : 1735689600;
        std::cerr << "user name " << hubward::mqtt_username(CONNECTION, "hubward-example/1") << ", client ID "
                  << hubward::mqtt_client_id(CONNECTION) << "\n";
        a_mistake();
        a_broken_driver();
        const hubward::signer signer(CONNECTION);
        a_cache(signer);
        const hubward::token token = signer.sign(expiry);
        std::cout.write(token.expose(), static_cast<std::streamsize>(token.size())) << "\n";
        return std::cout.flush() ? EXIT_SUCCESS : EXIT_FAILURE;
    } catch (const std::exception &error) {
        std::cerr << "cpp_raii: " << error.what() << "\n";
        return 2;
    }
}
